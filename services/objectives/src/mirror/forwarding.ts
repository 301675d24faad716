import { every } from '@mumega/config/every'
import type { Engram } from '@mumega/contracts/engrams'
import type { DependencyHealth } from '@mumega/contracts/health'
import { act, readAs, unchanged } from '@mumega/db/act'
import { logger } from '@mumega/telemetry'
import { findEngram } from '../engrams/engram-repository.ts'
import { ofTiers } from '../engrams/visibility.ts'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { tellMirror, type Told } from './mirror-client.ts'
import {
  claimDue,
  countWaiting,
  deleteTold,
  updateFailed,
  updateReleased,
  type Waiting,
} from './mirror-repository.ts'
import type { MirrorSettings } from './settings.ts'

/** Tells the external Mirror what was recorded. */
export interface Forwarding {
  health(): DependencyHealth
  figures(): Promise<Record<string, number>>
  stop(): Promise<void>
}

const LOOK_MS_MAX = 1_000
const BACKOFF_MS_MAX = 3_600_000
const BATCH = 20

interface State {
  sent: number
  failures: number
  /** Of the last attempt. */
  lastFailure: string | undefined
  /** Of the real clock that only goes forward. */
  pausedUntilMs: number
}

/**
 * Tells the Mirror what is due, now and again and again until it is stopped. What it cannot take is
 * tried again later and later; the engrams here do not wait for it. Any number of processes may do
 * so at once.
 */
export function startForwarding(objectives: Objectives, settings: MirrorSettings): Forwarding {
  const log = logger('objectives')
  const state: State = { sent: 0, failures: 0, lastFailure: undefined, pausedUntilMs: 0 }
  const looking = every(Math.min(settings.backoffMs, LOOK_MS_MAX), async (signal) => {
    try {
      await forward({ objectives, settings, state }, signal)
    } catch (error) {
      log.warn({ error }, 'mirror-forwarding-failed')
    }
  })
  return {
    health: () => healthOf(state),
    async figures() {
      const waiting = await readAs(objectives.db, OBJECTIVES_CONTEXT, countWaiting)
      return { ...waiting, mirrorSent: state.sent, mirrorFailures: state.failures }
    },
    stop: () => looking.stop(),
  }
}

interface Work {
  readonly objectives: Objectives
  readonly settings: MirrorSettings
  readonly state: State
}

/** All that is due, until the Mirror fails: then the others wait for the next look. */
async function forward(work: Work, signal: AbortSignal): Promise<void> {
  for (let isMore = true; isMore && !signal.aborted;) {
    if (performance.now() < work.state.pausedUntilMs) return
    const left = await claim(work)
    isMore = left.length === BATCH
    try {
      for (const waiting of [...left]) {
        const outcome = await forwardOne(work, waiting, signal)
        if (outcome !== 'given-up') left.shift()
        if (outcome === 'done') continue
        isMore = false
        break
      }
    } finally {
      await release(work, left)
    }
  }
}

/** `failed` says that the others need not be tried now; `given-up` that this one was not either. */
async function forwardOne(
  work: Work,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<'done' | 'failed' | 'given-up'> {
  if (signal.aborted) return 'given-up'
  const { settings, state } = work
  const engram = await read(work, waiting)
  const { tenantId } = waiting
  const told: Told =
    engram === undefined
      ? { kind: 'told' }
      : await tellMirror(settings, { tenantId, engram, signal })
  // The end of this process is no fault of the Mirror.
  if (signal.aborted && told.kind === 'failed') return 'given-up'
  await note(work, waiting, told)
  state.lastFailure = told.kind === 'failed' ? told.reason : undefined
  if (told.kind !== 'told') state.failures += 1
  else if (engram !== undefined) state.sent += 1
  if (told.kind !== 'failed') return 'done'
  state.pausedUntilMs = performance.now() + (told.retryAfterMs ?? 0)
  return 'failed'
}

/**
 * Undefined when it is not to be told any more: it has expired, or its tier leaves no more since
 * the settings were changed.
 */
async function read(
  { objectives: { db, clock }, settings }: Work,
  { tenantId, engramId }: Waiting,
): Promise<Engram | undefined> {
  const wanted = { tenantId, engramId, visible: ofTiers(settings.tiers), now: clock.now() }
  const context = { ...OBJECTIVES_CONTEXT, tenantId }
  return readAs(db, context, (trx) => findEngram(trx, wanted))
}

async function claim({ objectives: { db, clock }, settings }: Work): Promise<Waiting[]> {
  // Longer than a whole batch may take, so that two processes tell nothing twice without need.
  const order = { limit: BATCH, leaseMs: (BATCH + 1) * settings.timeoutMs }
  return act(db, { context: OBJECTIVES_CONTEXT, clock }, async (trx) =>
    unchanged(await claimDue(trx, order)),
  )
}

async function release(
  { objectives: { db, clock } }: Work,
  left: readonly Waiting[],
): Promise<void> {
  if (left.length === 0) return
  await act(db, { context: OBJECTIVES_CONTEXT, clock }, async (trx) => {
    await updateReleased(trx, left)
    return unchanged(undefined)
  })
}

async function note(
  { objectives: { db, clock }, settings }: Work,
  waiting: Waiting,
  told: Told,
): Promise<void> {
  await act(db, { context: OBJECTIVES_CONTEXT, clock }, async (trx) => {
    if (told.kind === 'told') await deleteTold(trx, waiting)
    else {
      const delayMs = told.kind === 'refused' ? undefined : delayOf(waiting, told, settings)
      await updateFailed(trx, waiting, { reason: told.reason, delayMs })
    }
    return unchanged(undefined)
  })
}

/** Undefined when it was the last attempt. */
function delayOf(
  { attempts }: Waiting,
  { retryAfterMs = 0 }: { retryAfterMs?: number },
  { attemptsMax, backoffMs }: MirrorSettings,
): number | undefined {
  if (attempts + 1 >= attemptsMax) return undefined
  return Math.max(retryAfterMs, Math.min(backoffMs * 2 ** attempts, BACKOFF_MS_MAX))
}

function healthOf({ lastFailure }: State): DependencyHealth {
  if (lastFailure === undefined) return { name: 'mirror', status: 'ok', latencyMs: 0 }
  const reason = `the Mirror is told later: ${lastFailure}`
  return { name: 'mirror', status: 'failing', reason, latencyMs: 0 }
}
