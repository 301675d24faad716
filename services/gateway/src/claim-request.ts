import { act, unchanged } from '@mumega/db/act'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Authentication } from './authentication.ts'
import { checkActingToken } from './acting-token.ts'

/**
 * Takes an operator's request id for one command and content before another service is asked, so
 * that a key that was used for something else is refused while nothing is done yet. The same
 * request takes it again, as often as it comes: what broke off half-way is finished by making it
 * again.
 *
 * @throws db.request-id-reused, and as `checkActingToken`
 */
export async function claimRequest(
  { db, clock }: Authentication,
  context: CallContext,
  request: { requestId: string; command: string; content: unknown },
): Promise<void> {
  await act(db, { context, clock, request }, async (trx) => {
    await checkActingToken(trx, context, clock)
    return unchanged(null)
  })
}
