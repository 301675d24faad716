import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '@mumega/config/clock'
import type { DependencyHealth } from '@mumega/contracts/health'
import { openDatabase } from '@mumega/db'
import type { Config } from '../config.ts'
import { openFindingRecord } from '../scrubbing/finding-record.ts'
import type { Sealer } from '../sealing/sealer.ts'
import type { LogKey } from '../signing/log-key.ts'
import { Tampered } from '../signing/tampered.ts'
import type { AnchorPlace } from './anchor-place.ts'
import { startCopier, type Copier } from './copier.ts'
import { openCopyFindings } from './copy-findings.ts'

/** The copies of the anchors outside the database, as the leader makes and watches them. */
export interface Anchoring {
  figures(): Record<string, number>
  troubles(): { name: DependencyHealth['name']; trouble: string | undefined }[]
  /** Gives up what is under way: safe to call twice, and at any time. */
  stop(): Promise<void>
}

export interface AnchoringOptions {
  readonly places: readonly AnchorPlace[]
  readonly sealer: Sealer
  readonly key: LogKey
  readonly clock: Clock
}

const REST_MS = 500
const LOOK_MS_MAX = 5_000
const STOP_MS_MAX = 3_000

/**
 * Starts to copy, on connections of its own. Resolves when the folder was looked at, or after 5 s:
 * nothing shall be sealed upon a database that was set back. The bucket, which strangers keep, is
 * not waited for.
 */
export async function startAnchoring(
  config: Config,
  { places, sealer, key, clock }: AnchoringOptions,
): Promise<Anchoring> {
  const db = openDatabase(config.DATABASE_URL, { poolMax: 2 })
  const findings = openCopyFindings({
    record: openFindingRecord(db, clock),
    clock,
    places: places.length,
    onHalting: ({ kind, place, expected, found }) => {
      sealer.halt(new Tampered(`${kind} at ${place}: ${expected}; ${found}`))
    },
  })
  const copiers = places.map((place) => ({
    place,
    copier: startCopier({ place, db, openNote: key.open, findings, restMs: REST_MS }),
  }))
  const folders = copiers.filter(({ place }) => place.name === 'folder')
  const looked = Promise.all(folders.map(({ copier }) => copier.looked))
  await Promise.race([looked, pause(LOOK_MS_MAX, undefined, { ref: false })])
  let stopping: Promise<void> | undefined
  const stop = async () => {
    const ended = Promise.all(copiers.map(({ copier }) => copier.stop())).then(() => db.destroy())
    // A disk that hangs must not keep the ledger from ending.
    await Promise.race([ended, pause(STOP_MS_MAX, undefined, { ref: false })])
  }
  return {
    figures: () => Object.assign({}, ...copiers.map(figuresOf)) as Record<string, number>,
    troubles: () =>
      copiers.map(({ place, copier }) => ({
        name: `anchor-${place.name}`,
        trouble: copier.trouble(),
      })),
    stop: () => (stopping ??= stop()),
  }
}

function figuresOf({ place, copier }: { place: AnchorPlace; copier: Copier }) {
  const of = place.name === 'folder' ? 'anchorFolder' : 'anchorBucket'
  const { copied, waiting, lagMs, failures, rounds } = copier.figures()
  return {
    [`${of}Copied`]: copied,
    [`${of}Waiting`]: waiting,
    [`${of}LagMs`]: lagMs,
    [`${of}Failures`]: failures,
    [`${of}Rounds`]: rounds,
  }
}
