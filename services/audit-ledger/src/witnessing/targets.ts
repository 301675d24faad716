import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { findSigned, type SignedCheckpoint } from './cosignature-repository.ts'

/** The checkpoint that is offered at present. */
export interface Target extends SignedCheckpoint {
  /** Real time at which it was signed, in milliseconds of the epoch. */
  readonly signedMs: number
}

/** Which checkpoint is offered. */
export interface Targets {
  current(): Target | undefined
  /** Resolves when there is another, or the signal is aborted. */
  next(): Promise<void>
  /** Settles after the signal is aborted. */
  readonly ended: Promise<void>
}

export interface TargetsOptions {
  readonly db: Knex
  readonly clock: Clock
  readonly checkpointer: Checkpointer
  readonly intervalMs: number
  readonly signal: AbortSignal
  onTarget(size: number): void
}

// Between two looks for a newer checkpoint, when none was announced.
const LOOK_MS = 1_000

/**
 * Takes the newest checkpoint as the target, another at most each `intervalMs`: whoever is free is
 * asked about the same one as the others.
 */
export function chooseTargets(options: TargetsOptions): Targets {
  const { db, clock, checkpointer, intervalMs, signal } = options
  const log = logger('audit-ledger')
  const aborted = untilAborted(signal)
  let target: Target | undefined
  let waiting: (() => void)[] = []

  function wake(): void {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }

  async function choose(): Promise<void> {
    const size = checkpointer.current()?.size
    if (size === undefined || size === target?.size) {
      await Promise.race([checkpointer.waitFor((size ?? 0) + 1, LOOK_MS), aborted])
      return
    }
    const signed = await findSigned(db, size)
    if (signed === undefined) throw new Error('the checkpoint that is served is not stored')
    const ageMs = clock.realMs(Math.max(0, clock.now().getTime() - signed.signedAt.getTime()))
    target = { ...signed, signedMs: Date.now() - ageMs }
    options.onTarget(size)
    wake()
    await pause(intervalMs, undefined, { signal }).catch(() => undefined)
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await choose().catch(async (error: unknown) => {
        log.warn({ error }, 'witness-target-not-read')
        await pause(LOOK_MS, undefined, { signal }).catch(() => undefined)
      })
    }
    wake()
  }

  return {
    current: () => target,
    async next() {
      if (!signal.aborted) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    ended: run(),
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      { once: true },
    )
  })
}
