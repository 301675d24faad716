import type { Clock } from '@mumega/config/clock'
import type { Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { copyForward, type CheckpointCopy } from './checkpoint-copy.ts'
import { insertSigning, type Anchor, type StoredCheckpoint } from './checkpoint-repository.ts'
import { anchorHash, type LogKey } from './log-key.ts'
import { readSignedState, type SignedState } from './signed-state.ts'
import { ANCHOR_EVENTS, verifyGrowth, type VerifiedGrowth } from './verified-growth.ts'

export interface SignerOptions {
  readonly connection: Connection
  readonly key: LogKey
  /** The newest checkpoint outside the database. */
  readonly copy: CheckpointCopy
  readonly clock: Clock
}

/** Signs the log step by step, each from the last signed state. */
export interface Signer {
  /**
   * Verifies and signs what follows the last checkpoint, towards the committed `target`. Returns
   * the newest checkpoint, which is then stored and copied, and so may be served; undefined while
   * there is none.
   *
   * @throws Tampered, and whatever the database throws; after that the state is read anew.
   */
  sign(target: Frontier, epoch: number): Promise<StoredCheckpoint | undefined>
  /** How far the log is signed; undefined when that has to be read first. */
  signedSize(): number | undefined
}

export function openSigner({ connection, key, copy, clock }: SignerOptions): Signer {
  let state: SignedState | undefined

  async function advance(
    from: SignedState,
    { target, epoch }: { target: Frontier; epoch: number },
  ): Promise<SignedState> {
    const grown = await verifyGrowth(connection, from.frontier, target)
    const signed = signGrowth(key, from, grown)
    const isStored = await insertSigning(connection, {
      ...signed,
      previousSize: from.frontier.size,
      subtrees: grown.subtrees,
      epoch,
      signedAt: clock.now(),
    })
    if (!isStored) throw new Error('another ledger leads, or has signed since')
    return nextState(from, signed)
  }

  return {
    signedSize: () => state?.frontier.size,
    async sign(target, epoch) {
      const from = state
      // Until it succeeds: whether an attempt that failed was stored is not known.
      state = undefined
      let reached = from ?? (await readSignedState(connection, key, copy))
      if (reached.frontier.size < target.size) reached = await advance(reached, { target, epoch })
      if (reached.checkpoint !== undefined && reached !== from) {
        await copyForward(copy, key, reached.checkpoint)
      }
      state = reached
      return reached.checkpoint
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
