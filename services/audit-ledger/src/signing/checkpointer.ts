import { setTimeout as pause } from 'node:timers/promises'
import { logger } from '@mumega/telemetry'
import type { Frontier } from '@mumega/tlog/merkle'
import type { Sealer } from '../sealing/sealer.ts'
import type { StoredCheckpoint } from './checkpoint-repository.ts'
import type { Signer } from './signer.ts'
import { Tampered } from './tampered.ts'
import { openWaiters } from './waiters.ts'

/** Signs the log as it grows. */
export interface Checkpointer {
  /**
   * The newest checkpoint that is stored, copied and may be served; undefined while the log is
   * empty.
   */
  current(): StoredCheckpoint | undefined
  /** Resolves when a checkpoint covers `size` entries, and at the latest after `waitMs`. */
  waitFor(size: number, waitMs: number): Promise<void>
  figures(): { checkpointSize: number; lastCheckpointAgeMs: number }
  /** Why the last signing failed; undefined when all is well. */
  trouble(): string | undefined
  /** Signs the tail, so that a log at rest is signed to its end. */
  stop(): Promise<void>
}

// Real time, whatever the scale of the clock: growth is signed within a second.
const GAP_MS = 200
const RETRY_MS = 300

/**
 * Verifies what was committed since the last checkpoint, signs it, and goes on signing as the log
 * grows. The sealer must have loaded. Where the database was tampered with, the sealer is halted
 * and nothing is signed.
 */
export async function startCheckpointer(sealer: Sealer, signer: Signer): Promise<Checkpointer> {
  const log = logger('audit-ledger')
  const served = openServed()
  let trouble: string | undefined
  let isStopping = false
  let wake: () => void = () => undefined

  async function sign(target: Frontier): Promise<void> {
    const checkpoint = await signer.sign(target, sealer.epoch)
    trouble = undefined
    if (checkpoint !== undefined) served.replace(checkpoint)
  }

  function onFailure(error: unknown): void {
    if (error instanceof Tampered) {
      sealer.halt(error)
      return
    }
    trouble = 'the last checkpoint could not be signed'
    log.error({ error }, 'signing-failed')
  }

  async function run(): Promise<void> {
    while (!isStopping && !sealer.isHalted()) {
      const target = sealer.committed()
      if (target === undefined || signer.signedSize() === target.size) {
        await new Promise<void>((resolve) => (wake = resolve))
        continue
      }
      await sign(target).then(() => pause(GAP_MS), retryLater)
    }
  }

  async function retryLater(error: unknown): Promise<void> {
    onFailure(error)
    await pause(RETRY_MS)
  }

  const found = sealer.committed()
  if (found === undefined) throw new Error('the sealer has not loaded yet')
  // Halted before it began, where an altered value is on record.
  if (!sealer.isHalted()) {
    await sign(found).catch((error: unknown) => {
      if (!(error instanceof Tampered)) throw error
      onFailure(error)
    })
  }
  sealer.onGrowth(() => {
    wake()
  })
  const running = run()

  return {
    current: served.current,
    waitFor: served.waitFor,
    figures: served.figures,
    trouble: () => trouble,
    async stop() {
      isStopping = true
      wake()
      await running
      const target = sealer.committed()
      // What fails here is signed after the next start.
      if (target !== undefined && !sealer.isHalted()) await sign(target).catch(onFailure)
    },
  }
}

/** The checkpoint that is served, and those who wait for a larger one. */
function openServed() {
  const waiters = openWaiters()
  let current: StoredCheckpoint | undefined
  let replacedAtMs = performance.now()

  return {
    current: () => current,
    replace(checkpoint: StoredCheckpoint): void {
      if (checkpoint.size === current?.size) return
      current = checkpoint
      replacedAtMs = performance.now()
      waiters.reached(checkpoint.size)
    },
    async waitFor(size: number, waitMs: number): Promise<void> {
      if ((current?.size ?? 0) < size && waitMs > 0) await waiters.wait(size, waitMs)
    },
    figures: () => ({
      checkpointSize: current?.size ?? 0,
      lastCheckpointAgeMs: performance.now() - replacedAtMs,
    }),
  }
}
