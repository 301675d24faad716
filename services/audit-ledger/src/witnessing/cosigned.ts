import { isQuorumMet, type Policy } from '@mumega/tlog/policy'
import { appendSignatures } from '@mumega/tlog/witness'

/** What of a checkpoint a receipt needs. */
export interface ServedCheckpoint {
  readonly size: number
  readonly root: Buffer
  /** With the cosignatures that are there. */
  readonly note: string
}

/** The cosignatures of the newest checkpoints, at hand for whoever reads them. */
export interface Cosigned {
  /** `witness` by its name in the policy. */
  add(checkpoint: ServedCheckpoint, witness: string, line: string): void
  /** The checkpoint with the cosignatures that it has so far. */
  dress<Checkpoint extends ServedCheckpoint>(checkpoint: Checkpoint): Checkpoint
  /** The newest checkpoint that the policy's quorum has cosigned. */
  newest(): ServedCheckpoint | undefined
}

/** Checkpoints whose cosignatures are kept at hand until the quorum has cosigned a newer one. */
export const AT_HAND_MAX = 64

interface Lines {
  readonly checkpoint: ServedCheckpoint
  readonly byWitness: Map<string, string>
}

export function openCosigned(policy: Policy): Cosigned {
  const bySize = new Map<number, Lines>()
  let newest: Lines | undefined

  function forget(): void {
    const sizes = [...bySize.keys()].sort((one, other) => other - one)
    for (const [at, size] of sizes.entries()) {
      const isOld = newest !== undefined && size < newest.checkpoint.size
      if (isOld || at >= AT_HAND_MAX) bySize.delete(size)
    }
  }

  function dress<Checkpoint extends ServedCheckpoint>(
    checkpoint: Checkpoint,
    { byWitness }: Lines,
  ): Checkpoint {
    // In the policy's order, so that the same cosignatures always make the same note.
    const lines = policy.witnesses.flatMap(({ name }) => byWitness.get(name) ?? [])
    return { ...checkpoint, note: appendSignatures(checkpoint.note, lines) }
  }

  return {
    add(checkpoint, witness, line) {
      const known = bySize.get(checkpoint.size) ?? { checkpoint, byWitness: new Map() }
      bySize.set(checkpoint.size, known)
      known.byWitness.set(witness, line)
      const isNewer = newest === undefined || checkpoint.size > newest.checkpoint.size
      const names = new Set(known.byWitness.keys())
      if (isNewer && policy.quorum !== undefined && isQuorumMet(policy, names)) newest = known
      forget()
    },
    dress(checkpoint) {
      const known = bySize.get(checkpoint.size)
      return known === undefined ? checkpoint : dress(checkpoint, known)
    },
    newest: () => newest && dress(newest.checkpoint, newest),
  }
}
