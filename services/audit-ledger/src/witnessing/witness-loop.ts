import { setTimeout as pause } from 'node:timers/promises'
import type { SubmitOutcome } from './submit.ts'
import type { Target, Targets } from './targets.ts'

/** How one witness is. */
export interface WitnessState {
  /** Entries of the checkpoint that it cosigned last. */
  readonly size: number
  readonly failures: number
  readonly refusals: number
  /** Why its last answer was none; undefined while it cosigns. */
  readonly trouble: { readonly isRefusal: boolean; readonly reason: string } | undefined
}

export interface LoopOptions {
  /** Entries that this witness had cosigned when the ledger started. */
  readonly size: number
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly targets: Pick<Targets, 'current' | 'next'>
  /** Offers it, and keeps what came of it. Must not throw. */
  offer(target: Target, knownSize: number): Promise<SubmitOutcome>
}

const FAILURE_MS_MAX = 300_000
const REFUSAL_MS_MAX = 3_600_000

/** Offers each target to one witness, one at a time, backing off while it does not cosign. */
export function runWitnessLoop(options: LoopOptions): {
  state(): WitnessState
  ended: Promise<void>
} {
  const { signal, targets } = options
  let state: WitnessState = { size: options.size, failures: 0, refusals: 0, trouble: undefined }

  async function step(target: Target, failuresInRow: number): Promise<number> {
    const outcome = await options.offer(target, state.size)
    if (signal.aborted) return failuresInRow
    state = stateAfter(state, target, outcome)
    if (outcome.kind === 'cosigned') return 0
    const waitMs = backOffMs(options.intervalMs, failuresInRow, outcome)
    await pause(waitMs, undefined, { signal }).catch(() => undefined)
    return failuresInRow + 1
  }

  async function run(): Promise<void> {
    let failuresInRow = 0
    while (!signal.aborted) {
      const target = targets.current()
      if (target === undefined || target.size === state.size) await targets.next()
      else failuresInRow = await step(target, failuresInRow)
    }
  }

  return { state: () => state, ended: run() }
}

function stateAfter(before: WitnessState, target: Target, outcome: SubmitOutcome): WitnessState {
  if (outcome.kind === 'cosigned') return { ...before, size: target.size, trouble: undefined }
  if (outcome.kind === 'refused') {
    const trouble = { isRefusal: true, reason: outcome.refusal.reason }
    return { ...before, refusals: before.refusals + 1, trouble }
  }
  // What it refused it has not taken back by being away.
  const isRefusal = before.trouble?.isRefusal === true
  const trouble = isRefusal ? before.trouble : { isRefusal, reason: outcome.reason }
  return { ...before, failures: before.failures + 1, trouble }
}

// With jitter, so that the logs of one witness do not come back all at once.
function backOffMs(intervalMs: number, failuresInRow: number, outcome: SubmitOutcome): number {
  const maxMs = outcome.kind === 'refused' ? REFUSAL_MS_MAX : FAILURE_MS_MAX
  const grownMs = Math.min(intervalMs * 2 ** Math.min(failuresInRow, 12), maxMs)
  const askedMs = outcome.kind === 'failed' ? (outcome.retryAfterMs ?? 0) : 0
  return Math.max(grownMs, intervalMs, askedMs) * (1 + Math.random() / 5)
}
