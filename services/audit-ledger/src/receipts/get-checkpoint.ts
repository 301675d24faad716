import type { getCheckpoint } from '@mumega/contracts/audit-ledger'
import type { ReplyOf } from '@mumega/contracts/define'
import type { Checkpointer } from '../signing/checkpointer.ts'
import type { LogKey } from '../signing/log-key.ts'

/**
 * Answers with the newest signed checkpoint and the key that verifies it. Public: it names no
 * tenant.
 */
export function handleGetCheckpoint(
  checkpointer: Checkpointer,
  key: LogKey,
): ReplyOf<typeof getCheckpoint> {
  const note = checkpointer.current()?.note
  return { ...(note !== undefined && { note }), vkey: key.vkey, origin: key.origin }
}
