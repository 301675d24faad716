import { versionOf } from '@mumega/config/version'
import type { ServiceHealth } from '@mumega/contracts/health'
import type { ServiceParts } from '@mumega/service'
import { lookAtParts, THIS_PROCESS, worstOf } from '@mumega/service/health'

/** How the service is, by its own look at what it stands on, bounded. */
export async function readHealth(
  parts: ServiceParts,
  seeded: { readonly elsewhere: number },
): Promise<ServiceHealth> {
  const { dependencies, figures } = await lookAtParts(parts)
  return {
    service: 'gate',
    version: VERSION,
    process: THIS_PROCESS,
    status: worstOf(dependencies),
    dependencies,
    figures: { ...figures, seedsElsewhere: seeded.elsewhere },
  }
}

const VERSION = versionOf(new URL('../../package.json', import.meta.url))
