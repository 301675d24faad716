import { THIS_PROCESS, withinCheck, worstOf } from '@mumega/bus/health'
import type { Relay } from '@mumega/bus/relay'
import type { ServiceHealth } from '@mumega/contracts/health'
import type { Outbox } from '@mumega/db/outbox'
import type { Gateway } from './app.ts'
import { VERSION } from './config.ts'
import { lookAtOwn } from './readiness.ts'

type Parts = Pick<Gateway, 'db' | 'bus' | 'hub'> & { relay: Relay; outbox: Outbox }

/** How this process is, by its own look at its database and its bus, bounded. */
export async function readHealth(parts: Parts): Promise<ServiceHealth> {
  const [outboxPending, ...dependencies] = await Promise.all([
    // What cannot be counted is left out: a zero would say that nothing waits.
    withinCheck(parts.outbox.countPending()).catch(() => undefined),
    ...lookAtOwn(parts),
  ])
  const { published, failures } = parts.relay.figures()
  const figures = { streamsOpen: parts.hub.size(), published, relayFailures: failures }
  return {
    service: 'gateway',
    version: VERSION,
    process: THIS_PROCESS,
    status: worstOf(dependencies),
    dependencies,
    figures: outboxPending === undefined ? figures : { ...figures, outboxPending },
  }
}
