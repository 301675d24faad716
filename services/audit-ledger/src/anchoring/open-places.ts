import { logger } from '@mumega/telemetry'
import type { Config } from '../config.ts'
import { anchorBucketUnusable, anchorDirUnusable } from '../errors.ts'
import type { LogKey } from '../signing/log-key.ts'
import { PlaceFault, type AnchorPlace } from './anchor-place.ts'
import { placesOf } from './place-settings.ts'

/**
 * The places for anchors, each of which was tried out. A bucket that does not answer now is
 * verified before anything is copied to it, and health says that it was not.
 *
 * @throws audit-ledger.anchor-dir-unusable, audit-ledger.anchor-bucket-unusable naming the remedy
 */
export async function openPlaces(config: Config, { vkey }: LogKey): Promise<AnchorPlace[]> {
  const places = placesOf(config, vkey)
  try {
    await Promise.all(places.map(openPlace))
    return places
  } catch (error) {
    closePlaces(places)
    throw error
  }
}

async function openPlace(place: AnchorPlace): Promise<void> {
  try {
    await place.open(new AbortController().signal)
  } catch (error) {
    if (!(error instanceof PlaceFault)) throw error
    if (place.name === 'folder') throw anchorDirUnusable(error.message, error)
    if (error.isFinal) throw anchorBucketUnusable(`The bucket ${error.message}`, error)
    logger('audit-ledger').error({ error }, 'anchor-bucket-not-verified')
  }
}

export function closePlaces(places: readonly AnchorPlace[]): void {
  for (const place of places) place.close()
}
