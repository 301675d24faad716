import { every, type Repeating } from '@mumega/config/every'
import { LEASE_SECONDS, messageExpired } from '@mumega/contracts/deliveries'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { logger } from '@mumega/telemetry'
import type { Bridge } from '../bridge.ts'
import { BRIDGE_CONTEXT } from '../identity.ts'
import { deadLetter } from './dead-letter.ts'
import { lockUnsettled, settle } from './delivery-repository.ts'
import { listExpiriesDue, takeExpiry, type Expiry } from './expiry-repository.ts'
import { listUsedUp, lockUsedUp, type UsedUp } from './lease-repository.ts'

/** Of the system's time. */
const SWEEP_EVERY_MS = 5_000
/** However fast the system's time runs. */
const SWEEP_EVERY_REAL_MS_MIN = 100
const BATCH = 100

/**
 * Gives up what a body was given as often as it may be, and ends what has expired: now, and again
 * and again until it is stopped. Any number of bridges may do so at once.
 */
export function startSweep(bridge: Bridge): Repeating {
  const log = logger('bridge')
  const ms = Math.max(bridge.clock.realMs(SWEEP_EVERY_MS), SWEEP_EVERY_REAL_MS_MIN)
  return every(ms, async (signal) => {
    try {
      await sweep(bridge, signal)
    } catch (error) {
      log.warn({ error }, 'sweep-failed')
    }
  })
}

/** One sweep. */
export async function sweep(bridge: Bridge, signal: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !signal.aborted;) {
    const due = { now: bridge.clock.now(), limit: BATCH }
    const [usedUp, expiries] = await readAs(bridge.db, BRIDGE_CONTEXT, async (trx) => [
      await listUsedUp(trx, due),
      await listExpiriesDue(trx, due),
    ])
    let ended = 0
    for (const lease of usedUp) ended += (await giveUp(bridge, lease)) ? 1 : 0
    for (const expiry of expiries) ended += (await expire(bridge, expiry)) ? 1 : 0
    // Without progress the next sweep is soon enough.
    isMore = ended > 0 && (usedUp.length === BATCH || expiries.length === BATCH)
  }
}

/** False when it is used up no more. */
async function giveUp({ db, clock }: Bridge, lease: Omit<UsedUp, 'messageId'>): Promise<boolean> {
  return act(db, { context: contextOf(lease), clock }, async (trx) => {
    const now = clock.now()
    const usedUp = await lockUsedUp(trx, { ...lease, now })
    if (usedUp === undefined) return unchanged(false)
    const { tenantId, agent, messageId, body } = usedUp
    const reason = `delivered ${LEASE_SECONDS.length} times to body ${body} and never acknowledged`
    const recorded = await deadLetter(trx, { tenantId, agent, messageId, at: now, reason })
    return { reply: true, ...recorded }
  })
}

/** False when another bridge has ended it. */
async function expire({ db, clock }: Bridge, expiry: Expiry): Promise<boolean> {
  const { tenantId, messageId } = expiry
  return act(db, { context: contextOf(expiry), clock }, async (trx) => {
    if (!(await takeExpiry(trx, expiry))) return unchanged(false)
    const agents = await lockUnsettled(trx, expiry)
    await settle(trx, { tenantId, messageId, agents, at: clock.now() }, { how: 'expired' })
    if (agents.length === 0) return unchanged(true)
    return {
      reply: true,
      audit: [
        {
          action: 'message.expired',
          target: `message:${messageId}`,
          payload: { unacknowledged: agents.length },
        },
      ],
      events: [outgoing(messageExpired, { tenantId, messageId, agents })],
    }
  })
}

/** The bridge's own decision, in the tenant's chain. */
function contextOf({ tenantId }: { tenantId: string }): CallContext {
  return { ...BRIDGE_CONTEXT, tenantId }
}
