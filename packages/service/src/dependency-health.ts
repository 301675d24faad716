import { hostname } from 'node:os'
import type { DependencyHealth, HealthStatus } from '@mumega/contracts/health'
import { checkDatabase } from '@mumega/db'
import type { Relay } from '@mumega/bus/relay'
import type { ServiceParts } from './service.ts'

// Below the contract's 2 s, so that a dependency that hangs is reported and does not hang the
// report.
const CHECK_MS_MAX = 1_500

/** Tells this process from the others of its service, as health has it. */
export const THIS_PROCESS = `${hostname()}/${process.pid}`

/** How a dependency is that answers `probe`, or does not within 1.5 s. Never throws. */
export async function checkDependency(
  name: string,
  probe: () => Promise<unknown>,
): Promise<DependencyHealth> {
  const startedMs = performance.now()
  try {
    await withinCheck(probe())
    return { name, status: 'ok', latencyMs: performance.now() - startedMs }
  } catch {
    const reason = `${name} did not answer; is it up, and can this process reach it?`
    return { name, status: 'failing', reason, latencyMs: performance.now() - startedMs }
  }
}

/** What health may wait for. Throws what the work throws, and when it takes over 1.5 s. */
export async function withinCheck<Result>(work: Promise<Result>): Promise<Result> {
  let timeout: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => {
      reject(new Error('no answer in time'))
    }, CHECK_MS_MAX)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timeout)
  }
}

/** What every service says of itself: its own look at what it stands on, at once and bounded. */
export async function lookAtParts(parts: HealthParts): Promise<PartsHealth> {
  const { db, bus, outbox, relay } = parts
  const [database, nats, outboxPending] = await Promise.all([
    checkDependency('postgres', () => checkDatabase(db)),
    checkDependency('nats', () => bus.roundTripMs()),
    // What cannot be counted is left out: a zero would say that nothing waits.
    withinCheck(outbox.countPending()).catch(() => undefined),
  ])
  const { published, failures } = relay.figures()
  return {
    dependencies: [database, nats, relayHealth(relay)],
    figures: {
      relayPublished: published,
      relayFailures: failures,
      ...(outboxPending !== undefined && { outboxPending }),
    },
  }
}

type HealthParts = Pick<ServiceParts, 'db' | 'bus' | 'outbox' | 'relay'>

export interface PartsHealth {
  /** Without one of these the service does not work. */
  readonly dependencies: DependencyHealth[]
  readonly figures: Record<string, number>
}

function relayHealth(relay: Relay): DependencyHealth {
  const { lastError } = relay.figures()
  if (lastError === undefined) return { name: 'relay', status: 'ok', latencyMs: 0 }
  const reason = 'accepted events and audit intents wait in the outbox; nothing is lost'
  return { name: 'relay', status: 'failing', reason, latencyMs: 0 }
}

/** How a service is that needs all of these: `unknown` is never counted as healthy. */
export function worstOf(dependencies: readonly DependencyHealth[]): HealthStatus {
  const statuses = dependencies.map(({ status }) => status)
  if (statuses.includes('failing')) return 'failing'
  return statuses.includes('unknown') ? 'unknown' : 'ok'
}
