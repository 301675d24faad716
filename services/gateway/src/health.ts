import type { Relay } from '@mumega/bus/relay'
import { healthOf, type HealthStatus, type ServiceHealth } from '@mumega/contracts/health'
import type { Outbox } from '@mumega/db/outbox'
import type { Gateway } from './app.ts'
import { VERSION } from './config.ts'
import { lookAtOwn } from './readiness.ts'

/** Answers how this process is, by its own look at its database and its bus. */
export function serveHealth(
  gateway: Gateway,
  { relay, outbox }: { relay: Relay; outbox: Outbox },
): void {
  gateway.bus.serve(healthOf('gateway'), async (): Promise<ServiceHealth> => {
    const dependencies = await Promise.all(lookAtOwn(gateway))
    const { published, failures } = relay.figures()
    const figures = { streamsOpen: gateway.hub.size(), published, relayFailures: failures }
    const statuses = dependencies.map(({ status }) => status)
    const outboxPending = await outbox.countPending().catch(() => undefined)
    return {
      service: 'gateway',
      version: VERSION,
      status: worstOf(statuses),
      dependencies,
      figures: outboxPending === undefined ? figures : { ...figures, outboxPending },
    }
  })
}

function worstOf(statuses: readonly HealthStatus[]): HealthStatus {
  if (statuses.includes('failing')) return 'failing'
  return statuses.includes('unknown') ? 'unknown' : 'ok'
}
