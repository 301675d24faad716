import type { Clock } from '@mumega/config/clock'
import { logger } from '@mumega/telemetry'
import type { Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import type { Sealer } from '../sealing/sealer.ts'
import type { CheckpointCopy } from './checkpoint-copy.ts'
import { insertSigning, type Anchor, type StoredCheckpoint } from './checkpoint-repository.ts'
import { anchorHash, type LogKey } from './log-key.ts'
import { readSignedState, type SignedState } from './signed-state.ts'
import { ANCHOR_EVENTS, Tampered, verifyGrowth, type VerifiedGrowth } from './verified-growth.ts'

/** Signs the log as it grows. */
export interface Checkpointer {
  /** The newest checkpoint that is stored, copied and may be served; undefined while the log is empty. */
  current(): StoredCheckpoint | undefined
  /** Resolves when a checkpoint covers `size` entries, and at the latest after `waitMs`. */
  waitFor(size: number, waitMs: number): Promise<void>
  figures(): { checkpointSize: number; lastCheckpointAgeMs: number }
  /** Why the last signing failed; undefined when all is well. */
  trouble(): string | undefined
  stop(): Promise<void>
}

export interface CheckpointerOptions {
  readonly connection: Connection
  readonly key: LogKey
  readonly copy: CheckpointCopy
  readonly clock: Clock
  readonly sealer: Sealer
}

// Real time, whatever the scale of the clock: growth is signed within a second.
const GAP_MS = 200
const RETRY_MS = 300

interface Waiter {
  readonly size: number
  resolve(): void
}

/**
 * Verifies what was committed since the last checkpoint, signs it, and goes on signing as the log grows. The sealer
 * must have loaded. Where the database was tampered with, the sealer is halted and nothing is signed.
 */
export async function startCheckpointer(options: CheckpointerOptions): Promise<Checkpointer> {
  const { sealer, copy } = options
  const log = logger('audit-ledger')
  let state: SignedState | undefined
  let current: StoredCheckpoint | undefined
  let signedAtMs = performance.now()
  let trouble: string | undefined
  let waiters: Waiter[] = []
  let isStopping = false
  let wake: () => void = () => undefined

  async function signOnce(target: Frontier): Promise<void> {
    state ??= await readSignedState(options.connection, options.key, copy)
    if (state.checkpoint !== undefined) await serve(state.checkpoint)
    if (state.frontier.size >= target.size) return
    const grown = await verifyGrowth(options.connection, state.frontier, target)
    const signed = signGrowth(options.key, state, grown)
    const isStored = await insertSigning(options.connection, {
      ...signed,
      previousSize: state.frontier.size,
      subtrees: grown.subtrees,
      epoch: sealer.epoch(),
      signedAt: options.clock.now(),
    })
    if (!isStored) throw new Error('somebody else has signed since')
    state = nextState(state, signed)
    await serve(signed.checkpoint)
  }

  /** Only what is stored is copied, and only what is copied is served. */
  async function serve(checkpoint: StoredCheckpoint): Promise<void> {
    if (current?.size === checkpoint.size) return
    await copy.write(checkpoint.note)
    current = checkpoint
    signedAtMs = performance.now()
    const reached = waiters.filter(({ size }) => size <= checkpoint.size)
    waiters = waiters.filter(({ size }) => size > checkpoint.size)
    for (const waiter of reached) waiter.resolve()
  }

  async function run(): Promise<void> {
    while (!isStopping && !sealer.isHalted()) {
      const target = sealer.committed()
      if (target === undefined || (state !== undefined && state.frontier.size >= target.size)) {
        await idle()
        continue
      }
      const startedMs = performance.now()
      try {
        await signOnce(target)
        trouble = undefined
        await pause(GAP_MS - (performance.now() - startedMs))
      } catch (error) {
        onFailure(error)
        await pause(RETRY_MS)
      }
    }
  }

  /** So that the tail of a log at rest is signed. What fails here is signed after the next start. */
  async function signLast(): Promise<void> {
    const target = sealer.committed()
    if (sealer.isHalted() || target === undefined) return
    try {
      await signOnce(target)
    } catch (error) {
      onFailure(error)
    }
  }

  function onFailure(error: unknown): void {
    // Whether it was stored is not known; it is read again, and compared.
    state = undefined
    if (error instanceof Tampered) {
      sealer.halt(error.message)
      return
    }
    trouble = 'the last checkpoint could not be signed'
    log.error({ error }, 'signing-failed')
  }

  function idle(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve
    })
  }

  sealer.onGrowth(() => {
    wake()
  })
  const found = sealer.committed()
  if (found === undefined) throw new Error('the sealer has not loaded yet')
  try {
    await signOnce(found)
  } catch (error) {
    if (!(error instanceof Tampered)) throw error
    onFailure(error)
  }
  const running = run()

  return {
    current: () => current,
    async waitFor(size, waitMs) {
      if ((current?.size ?? 0) >= size || waitMs <= 0) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        const waiter = { size, resolve }
        waiters.push(waiter)
        timer = setTimeout(() => {
          waiters = waiters.filter((other) => other !== waiter)
          resolve()
        }, waitMs)
      })
      clearTimeout(timer)
    },
    figures: () => ({
      checkpointSize: current?.size ?? 0,
      lastCheckpointAgeMs: performance.now() - signedAtMs,
    }),
    trouble: () => trouble,
    async stop() {
      isStopping = true
      wake()
      await running
      await signLast()
    },
  }
}

interface Signed {
  readonly checkpoint: StoredCheckpoint
  readonly anchors: readonly Anchor[]
}

function signGrowth(key: LogKey, before: SignedState, grown: VerifiedGrowth): Signed {
  let previousHash = before.anchorHash
  const anchors = grown.anchors.map(({ anchor, root }) => {
    const note = key.sign(anchor * ANCHOR_EVENTS, root)
    const made = { anchor, root, note, previousHash, hash: anchorHash(previousHash, note) }
    previousHash = made.hash
    return made
  })
  const { frontier, root } = grown
  const note = key.sign(frontier.size, root)
  return { checkpoint: { size: frontier.size, root, frontier, note }, anchors }
}

function nextState(before: SignedState, { checkpoint, anchors }: Signed): SignedState {
  return {
    frontier: checkpoint.frontier,
    checkpoint,
    anchors: before.anchors + anchors.length,
    anchorHash: anchors.at(-1)?.hash ?? before.anchorHash,
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
