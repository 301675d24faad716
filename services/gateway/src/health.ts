import type { ServiceHealth } from '@mumega/contracts/health'
import type { ServiceParts } from '@mumega/service'
import { lookAtParts, THIS_PROCESS, worstOf } from '@mumega/service/health'
import { VERSION } from './config.ts'
import type { StreamHub } from './stream-hub.ts'

/** How this process is, by its own look at what it stands on, bounded. */
export async function readHealth(parts: ServiceParts, hub: StreamHub): Promise<ServiceHealth> {
  const { dependencies, figures } = await lookAtParts(parts)
  return {
    service: 'gateway',
    version: VERSION,
    process: THIS_PROCESS,
    status: worstOf(dependencies),
    dependencies,
    figures: { ...figures, streamsOpen: hub.size() },
  }
}
