import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '@mumega/config/clock'
import { payloadRedacted, type redactPayload } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { logger } from '@mumega/telemetry'
import { REDACTED_ACTION, redactionTarget } from '@mumega/tlog/receipt'
import { removeCopies } from '../drill/copies.ts'
import { entryNotFound, notRedactable, redactionInvalid } from '../errors.ts'
import { findEntry } from '../receipts/proof-repository.ts'
import { placeOf } from '../receipts/place-of.ts'
import { findRedaction, insertRedaction, type Redaction } from './redaction-repository.ts'

const REASON_BYTES_MAX = 500
const LEGAL_BASIS_BYTES_MAX = 200
const OWN_SOURCE = 'audit-ledger'
// A letter or a digit that is seen: some of the letters are blanks, as U+3164.
const WORDS = /(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{N}]/u
// Neither can be stored, nor read by who looks it up later.
const UNREADABLE = /\p{Cc}|\p{Surrogate}/u

/**
 * Erases the payload and the salt behind an entry of the caller's tenant; the operators' tenant may
 * erase on every chain. The entry stays, and every receipt still verifies; a new entry of the same
 * chain says who erased it, why, and on what legal basis. A second time answers with the first.
 *
 * A copy of the log that a drill has made is removed before this answers; while the log is still
 * being copied, as soon as that is done.
 *
 * What the ledger itself put on record cannot be erased: the reason of an erasure would go with it.
 *
 * @throws audit-ledger.entry-not-found, audit-ledger.not-redactable,
 * audit-ledger.redaction-invalid naming the field
 */
export async function handleRedactPayload(
  { db, clock }: { db: Knex; clock: Clock },
  request: RequestOf<typeof redactPayload>,
  context: CallContext,
): Promise<ReplyOf<typeof redactPayload>> {
  const { requestId, source, id, reason, legalBasis } = request
  checkText({ field: 'reason', value: reason, limitBytes: REASON_BYTES_MAX })
  checkText({ field: 'legalBasis', value: legalBasis, limitBytes: LEGAL_BASIS_BYTES_MAX })
  if (source === OWN_SOURCE) throw notRedactable()
  const redactedBy = context.actor.id
  const content = { redactedBy, source, id, reason, legalBasis }
  const options = { context, clock, request: { requestId, command: 'redact-payload', content } }
  const reply = await act(db, options, async (trx) => {
    // Of the entry itself: what is erased cannot be brought back.
    const found = await findEntry(trx, { source, id })
    if (found === undefined) throw entryNotFound()
    const { index, chain } = placeOf(found, { source, id })
    const redactedAt = clock.now()
    const made = { index, redactionId: uuidv7(), reason, legalBasis, redactedBy, redactedAt }
    if (!(await insertRedaction(trx, made))) {
      const before = await findRedaction(trx, index)
      if (before === undefined) throw new Error('a redaction is never removed')
      return unchanged(replyOf({ source, id }, before))
    }
    const { redactionId } = made
    return {
      reply: replyOf({ source, id }, made),
      audit: [
        {
          id: redactionId,
          action: REDACTED_ACTION,
          target: redactionTarget({ source, id }),
          chain,
          payload: { source, id, index, reason, legalBasis },
        },
      ],
      events: [outgoing(payloadRedacted, { source, id, index, redactionId, chain })],
    }
  })
  await removeCopies(db).catch((error: unknown) => {
    // What was erased stays so. The same request again tries again, and so does the next drill.
    logger(OWN_SOURCE).error({ error }, 'drill-copy-not-removed')
  })
  return reply
}

function replyOf(
  { source, id }: { source: string; id: string },
  { redactedAt, ...redaction }: Redaction,
): ReplyOf<typeof redactPayload> {
  return { source, id, ...redaction, redactedAt: redactedAt.toISOString() }
}

function checkText(text: { field: string; value: string; limitBytes: number }): void {
  const { field, value, limitBytes } = text
  const actualBytes = Buffer.byteLength(value)
  if (actualBytes > limitBytes) {
    throw redactionInvalid(field, `has ${actualBytes} bytes; ${limitBytes} is the limit`)
  }
  if (UNREADABLE.test(value)) {
    throw redactionInvalid(field, 'has a control character or half of a surrogate pair')
  }
  if (!WORDS.test(value)) throw redactionInvalid(field, 'is empty: say it in words')
}
