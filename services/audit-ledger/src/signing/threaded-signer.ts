import type { ScaledClockOptions } from '@mumega/config/clock'
import { decodeFrontier, encodeFrontier } from '@mumega/tlog/merkle'
import { openThread } from '../thread.ts'
import { CopyFailed } from './checkpoint-copy.ts'
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
  | { readonly kind: 'not-copied'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

export interface ThreadedSigner extends Signer {
  close(): Promise<void>
}

/**
 * Signs in a thread of its own, with a connection of its own: reading everything back and hashing
 * it anew would take a fifth of the one thread that seals. A thread that dies is replaced at the
 * next order.
 *
 * @param onCopy told with each answer whether the copy of the checkpoint could be kept
 */
export function openThreadedSigner(
  settings: SignerSettings,
  onCopy: (isKept: boolean) => void,
): ThreadedSigner {
  const thread = openThread<SignOrder, SignAnswer>({
    program: new URL('../../signer-thread.mjs', import.meta.url),
    settings,
    answerMsMax: 60_000,
  })
  let signedSize: number | undefined

  return {
    signedSize: () => signedSize,
    async sign(target, epoch) {
      signedSize = undefined
      const answer = await thread.ask({ target: encodeFrontier(target), epoch })
      onCopy(answer.kind !== 'not-copied')
      if (answer.kind === 'tampered') throw new Tampered(answer.reason)
      if (answer.kind === 'not-copied') throw new CopyFailed(answer.reason)
      if (answer.kind === 'failed') throw new Error(`the signing thread failed: ${answer.reason}`)
      const checkpoint = checkpointOf(answer)
      signedSize = checkpoint?.size ?? 0
      return checkpoint
    },
    close: thread.close,
  }
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
