import { healthOf, type DependencyHealth, type ServiceHealth } from '@mumega/contracts/health'
import { SERVICES } from '@mumega/contracts/topology'
import { checkDatabase } from '@mumega/db'
import { isAppError } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { GATEWAY_CONTEXT } from './session.ts'

/** The look at a dependency is given up after this long, and says `unknown`. */
const LOOK_MS_MAX = 1_500
// Probes come from many sides: one look serves all that come while it lasts, and for this long
// after.
const KEPT_MS = 500

type Dependencies = Pick<Gateway, 'db' | 'bus'>

/** Looks at everything that the gateway depends on, and keeps what it saw for half a second. */
export function openReadiness(gateway: Dependencies): { look(): Promise<DependencyHealth[]> } {
  let current: Promise<DependencyHealth[]> | undefined
  let freshUntilMs = Infinity

  async function look(): Promise<DependencyHealth[]> {
    freshUntilMs = Infinity
    const seen = await lookAtAll(gateway)
    freshUntilMs = performance.now() + KEPT_MS
    return seen
  }

  return {
    look() {
      if (current === undefined || performance.now() > freshUntilMs) current = look()
      return current
    },
  }
}

async function lookAtAll(gateway: Dependencies): Promise<DependencyHealth[]> {
  const { db, bus } = gateway
  const others = SERVICES.filter((service) => service !== 'gateway')
  return Promise.all([
    lookAt('postgres', async () => {
      await checkDatabase(db)
      return { status: 'ok' }
    }),
    lookAt('nats', async () => {
      await bus.roundTripMs()
      return { status: 'ok' }
    }),
    ...others.map((service) => lookAtService(gateway, service)),
  ])
}

async function lookAtService({ bus }: Dependencies, service: string): Promise<DependencyHealth> {
  return lookAt(service, async () => {
    const options = { context: GATEWAY_CONTEXT, timeoutMs: LOOK_MS_MAX }
    return verdictOf(await bus.request(healthOf(service), {}, options))
  })
}

type Verdict = Pick<DependencyHealth, 'status' | 'reason'>

function verdictOf({ status, dependencies }: ServiceHealth): Verdict {
  if (status === 'ok') return { status }
  const reasons = dependencies
    .filter((dependency) => dependency.status !== 'ok')
    .map(({ name, reason }) => `${name}: ${reason ?? 'no reason given'}`)
  return { status, reason: (reasons.join('; ') || 'It says so itself.').slice(0, 500) }
}

async function lookAt(name: string, look: () => Promise<Verdict>): Promise<DependencyHealth> {
  const startedAt = performance.now()
  const verdict = await bounded(look()).catch(failureOf)
  const latencyMs = Math.round((performance.now() - startedAt) * 10) / 10
  return { name, ...verdict, latencyMs }
}

/** Not reached is failing; reached and not answered in time is unknown. Neither is healthy. */
function failureOf(error: unknown): Verdict {
  if (!isAppError(error)) return { status: 'unknown', reason: 'It could not be asked.' }
  const status = error.code === 'bus.timeout' ? 'unknown' : 'failing'
  return { status, reason: error.message.slice(0, 500) }
}

async function bounded(look: Promise<Verdict>): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Verdict>((resolve) => {
    const reason = `No answer within ${LOOK_MS_MAX} ms.`
    timer = setTimeout(() => resolve({ status: 'unknown', reason }), LOOK_MS_MAX)
  })
  return Promise.race([look, late]).finally(() => clearTimeout(timer))
}
