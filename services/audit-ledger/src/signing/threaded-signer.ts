import { Worker } from 'node:worker_threads'
import type { ScaledClockOptions } from '@mumega/config/clock'
import { decodeFrontier, encodeFrontier } from '@mumega/tlog/merkle'
import type { StoredCheckpoint } from './checkpoint-repository.ts'
import type { Signer } from './signer.ts'
import { Tampered } from './tampered.ts'

/** What the thread needs to work on its own. */
export interface SignerSettings {
  readonly databaseUrl: string
  readonly keyFile: string
  readonly origin: string
  readonly checkpointFile: string
  readonly clock: ScaledClockOptions
}

export interface SignOrder {
  /** The committed frontier, encoded. */
  readonly target: Uint8Array
  readonly epoch: number
}

export type SignAnswer =
  | {
      readonly kind: 'signed'
      readonly checkpoint?: {
        readonly size: number
        readonly root: Uint8Array
        readonly frontier: Uint8Array
        readonly note: string
      }
    }
  | { readonly kind: 'tampered'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export interface ThreadedSigner extends Signer {
  close(): Promise<void>
}

// Above every bound within the thread; past it the thread hangs, and is replaced.
const ANSWER_MS_MAX = 60_000

/**
 * Signs in a thread of its own, with a connection of its own: reading everything back and hashing
 * it anew would take a fifth of the one thread that seals. A thread that dies is replaced at the
 * next order.
 */
export function openThreadedSigner(settings: SignerSettings): ThreadedSigner {
  let worker: Worker | undefined
  let signedSize: number | undefined

  async function ask(order: SignOrder): Promise<SignAnswer> {
    const thread = (worker ??= startThread(settings))
    try {
      return await answerOf(thread, order)
    } catch (error) {
      worker = undefined
      await thread.terminate()
      throw error
    }
  }

  return {
    signedSize: () => signedSize,
    async sign(target, epoch) {
      signedSize = undefined
      const answer = await ask({ target: encodeFrontier(target), epoch })
      if (answer.kind === 'tampered') throw new Tampered(answer.reason)
      if (answer.kind === 'failed') throw new Error(`the signing thread failed: ${answer.reason}`)
      const checkpoint = checkpointOf(answer)
      signedSize = checkpoint?.size ?? 0
      return checkpoint
    },
    async close() {
      await worker?.terminate()
      worker = undefined
    },
  }
}

function startThread(workerData: SignerSettings): Worker {
  // No flags of the process: it loads telemetry by one, and a thread's spans would belong to no
  // request.
  return new Worker(new URL('./signer-thread.js', import.meta.url), { workerData, execArgv: [] })
}

function answerOf(thread: Worker, order: SignOrder): Promise<SignAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      end(() => {
        reject(new Error('the signing thread does not answer'))
      })
    }, ANSWER_MS_MAX)
    const onMessage = (answer: SignAnswer): void => {
      end(() => {
        resolve(answer)
      })
    }
    const onExit = (): void => {
      end(() => {
        reject(new Error('the signing thread ended'))
      })
    }
    const onError = (error: Error): void => {
      end(() => {
        reject(error)
      })
    }
    function end(settle: () => void): void {
      clearTimeout(timer)
      thread.off('message', onMessage).off('exit', onExit).off('error', onError)
      settle()
    }
    thread.on('message', onMessage).on('exit', onExit).on('error', onError)
    thread.postMessage(order)
  })
}

function checkpointOf(
  answer: Extract<SignAnswer, { kind: 'signed' }>,
): StoredCheckpoint | undefined {
  const { checkpoint } = answer
  return (
    checkpoint && {
      ...checkpoint,
      root: Buffer.from(checkpoint.root),
      frontier: decodeFrontier(checkpoint.frontier),
    }
  )
}
