import type { messageAccepted } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { tooManyAsks } from '../errors.ts'

type Accepted = PayloadOf<typeof messageAccepted>

/** One ask of this process, from before it is sent until it is answered or given up. */
export interface WaitingAsk {
  /** Says for which question to listen. */
  expect(question: Question): void
  /** Resolves at the first wake after this call. */
  nextWake(): Promise<void>
  /** Whether the process is about to end. */
  isStopped(): boolean
  /** Gives the place back. */
  close(): void
}

export interface Question {
  tenantId: string
  messageId: string
  /** Whose answer counts. */
  asked: string
}

export interface WaitingAsks {
  /** @throws bridge.too-many-asks when as many as allowed wait, of this tenant or of all */
  open(tenantId: string): WaitingAsk
  /** Wakes whoever waits for this message. */
  hear(message: Accepted): void
  /** Wakes all: something may have been missed. */
  wakeAll(): void
  /** Wakes all, and tells them to give up. */
  stop(): void
  count(): number
}

interface Waiter {
  readonly tenantId: string
  question?: Question
  wake(): void
}

/** Keeps the asks that wait in this process, and wakes them. A wake is only a hint to look. */
export function openWaitingAsks(limits: { all: number; perTenant: number }): WaitingAsks {
  const waiters = new Set<Waiter>()
  const perTenant = new Map<string, number>()
  const byQuestion = new Map<string, Set<Waiter>>()
  let isStopped = false

  function checkRoom(tenantId: string): void {
    if (waiters.size >= limits.all) throw tooManyAsks(limits.all)
    if ((perTenant.get(tenantId) ?? 0) >= limits.perTenant) throw tooManyAsks(limits.perTenant)
  }

  function add(waiter: Waiter): void {
    waiters.add(waiter)
    perTenant.set(waiter.tenantId, (perTenant.get(waiter.tenantId) ?? 0) + 1)
  }

  function remove(waiter: Waiter): void {
    if (!waiters.delete(waiter)) return
    const left = (perTenant.get(waiter.tenantId) ?? 0) - 1
    if (left > 0) perTenant.set(waiter.tenantId, left)
    else perTenant.delete(waiter.tenantId)
    if (waiter.question === undefined) return
    const same = byQuestion.get(waiter.question.messageId)
    same?.delete(waiter)
    if (same?.size === 0) byQuestion.delete(waiter.question.messageId)
  }

  function wakeAll(): void {
    for (const waiter of waiters) waiter.wake()
  }

  return {
    open(tenantId) {
      checkRoom(tenantId)
      const waiter: Waiter = { tenantId, wake: () => undefined }
      add(waiter)
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
    wakeAll,
    stop() {
      isStopped = true
      wakeAll()
    },
    count: () => waiters.size,
  }
}
