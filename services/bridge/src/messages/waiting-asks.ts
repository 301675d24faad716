import type { askAbandoned } from '@mumega/contracts/asks'
import type { messageAccepted } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { asksFull, tooManyAsks } from '../errors.ts'

type Accepted = PayloadOf<typeof messageAccepted>
type Abandoned = PayloadOf<typeof askAbandoned>

/** One ask of this process, from before it is sent until it is answered or given up. */
export interface WaitingAsk {
  /** Says for which question to listen. */
  expect(question: Question): void
  /** Resolves at the first wake after this call. */
  nextWake(): Promise<void>
  /** Whether the process is about to end. */
  isStopped(): boolean
  /** Whether nobody waits for the answer any more. */
  isAbandoned(): boolean
  /** Gives the place back. */
  close(): void
}

export interface Question {
  tenantId: string
  messageId: string
  /** Whose answer counts. */
  asked: string
}

export interface Asker {
  tenantId: string
  agent: string
  /** Of this one wait. */
  waitId?: string | undefined
}

export interface AskLimits {
  all: number
  perTenant: number
  perAgent: number
}

export interface WaitingAsks {
  /**
   * @throws bridge.too-many-asks when as many as allowed wait, of this agent or its tenant;
   * bridge.asks-full when as many wait as can
   */
  open(asker: Asker): WaitingAsk
  /** Wakes whoever waits for this message. */
  hear(message: Accepted): void
  /** Wakes the wait that was abandoned, and tells it to give up. */
  abandon(wait: Abandoned): void
  /** Wakes all: something may have been missed. */
  wakeAll(): void
  /** Wakes all, and tells them to give up. */
  stop(): void
  count(): number
}

interface Waiter {
  readonly asker: Asker
  isAbandoned: boolean
  question?: Question
  wake(): void
}

function checkRoom(
  { all, perTenant, perAgent }: AskLimits,
  { open, ofTenant, ofAgent }: { open: number; ofTenant: number; ofAgent: number },
): void {
  // Who has enough is told so first: a retry would not help it.
  if (ofAgent >= perAgent) throw tooManyAsks('of this agent', perAgent)
  if (ofTenant >= perTenant) throw tooManyAsks('of this tenant', perTenant)
  if (open >= all) throw asksFull(all)
}

/** Keeps the asks that wait in this process, and wakes them. A wake is only a hint to look. */
export function openWaitingAsks(limits: AskLimits): WaitingAsks {
  const waiters = new Set<Waiter>()
  // By tenant, and by agent of a tenant.
  const waiting = new Map<string, number>()
  const byQuestion = new Map<string, Set<Waiter>>()
  let isStopped = false

  function remove(waiter: Waiter): void {
    if (!waiters.delete(waiter)) return
    change(waiting, waiter.asker, -1)
    if (waiter.question === undefined) return
    const same = byQuestion.get(waiter.question.messageId)
    same?.delete(waiter)
    if (same?.size === 0) byQuestion.delete(waiter.question.messageId)
  }

  function wakeAll(): void {
    for (const waiter of waiters) waiter.wake()
  }

  return {
    open(asker) {
      checkRoom(limits, {
        open: waiters.size,
        ofTenant: waiting.get(asker.tenantId) ?? 0,
        ofAgent: waiting.get(`${asker.tenantId}/${asker.agent}`) ?? 0,
      })
      const waiter: Waiter = { asker, isAbandoned: false, wake: () => undefined }
      waiters.add(waiter)
      change(waiting, asker, 1)
      return {
        expect(question) {
          waiter.question = question
          const same = byQuestion.get(question.messageId) ?? new Set()
          byQuestion.set(question.messageId, same.add(waiter))
        },
        nextWake: () =>
          new Promise((resolve) => {
            waiter.wake = resolve
          }),
        isStopped: () => isStopped,
        isAbandoned: () => waiter.isAbandoned,
        close: () => {
          remove(waiter)
        },
      }
    },
    hear({ tenantId, from, replyTo }) {
      if (replyTo === undefined) return
      for (const waiter of byQuestion.get(replyTo) ?? []) {
        const { question } = waiter
        if (question?.tenantId === tenantId && question.asked === from) waiter.wake()
      }
    },
    abandon({ tenantId, waitId }) {
      for (const waiter of waiters) {
        if (waiter.asker.tenantId !== tenantId || waiter.asker.waitId !== waitId) continue
        waiter.isAbandoned = true
        waiter.wake()
      }
    },
    wakeAll,
    stop() {
      isStopped = true
      wakeAll()
    },
    count: () => waiters.size,
  }
}

/** What nobody has goes, so that the map is no bigger than what waits. */
function change(waiting: Map<string, number>, { tenantId, agent }: Asker, by: 1 | -1): void {
  for (const share of [tenantId, `${tenantId}/${agent}`]) {
    const now = (waiting.get(share) ?? 0) + by
    if (now > 0) waiting.set(share, now)
    else waiting.delete(share)
  }
}
