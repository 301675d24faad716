import type { getCheckpoint } from '@mumega/contracts/audit-ledger'
import type { ReplyOf } from '@mumega/contracts/define'
import type { Checkpointer } from '../signing/checkpointer.ts'
import type { LogKey } from '../signing/log-key.ts'
import type { Witnessing } from '../witnessing/witnessing.ts'

export interface CheckpointTools {
  readonly checkpointer: Checkpointer
  /** Absent where no witness is configured. */
  readonly witnessing: Witnessing | undefined
}

/**
 * Answers with the newest signed checkpoint and the key that verifies it. Public: it names no
 * tenant. With the cosignatures that are there, and the newest that the quorum has cosigned.
 */
export function handleGetCheckpoint(
  { checkpointer, witnessing }: CheckpointTools,
  key: LogKey,
): ReplyOf<typeof getCheckpoint> {
  const current = checkpointer.current()
  const note = (current && witnessing?.dress(current)?.note) ?? current?.note
  const witnessedNote = witnessing?.newest()?.note
  return {
    ...(note !== undefined && { note }),
    ...(witnessedNote !== undefined && { witnessedNote }),
    vkey: key.vkey,
    origin: key.origin,
  }
}
