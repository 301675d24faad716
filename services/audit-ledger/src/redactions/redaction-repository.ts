import type { Knex } from '@mumega/db'

/** An erasure as it is on record. */
export interface Redaction {
  readonly index: number
  /** The id of the entry that tells of it; its source is `audit-ledger`. */
  readonly redactionId: string
  readonly reason: string
  readonly legalBasis: string
  /** Id of the actor. */
  readonly redactedBy: string
  readonly redactedAt: Date
}

interface RedactionRow {
  log_index: string
  redaction_id: string
  reason: string
  legal_basis: string
  redacted_by: string
  redacted_at: Date
}

const COLUMNS = [
  'log_index',
  'redaction_id',
  'reason',
  'legal_basis',
  'redacted_by',
  'redacted_at',
] as const

export async function findRedaction(db: Knex, index: number): Promise<Redaction | undefined> {
  const row = await db<RedactionRow>('redactions')
    .where({ log_index: String(index) })
    .first(...COLUMNS)
  return (
    row && {
      index: Number(row.log_index),
      redactionId: row.redaction_id,
      reason: row.reason,
      legalBasis: row.legal_basis,
      redactedBy: row.redacted_by,
      redactedAt: row.redacted_at,
    }
  )
}

/** The ids of the entries that tell of erasures, by the index of what was erased. */
export async function findRedactionIds(
  db: Knex,
  indexes: readonly number[],
): Promise<Map<number, string>> {
  if (indexes.length === 0) return new Map()
  const rows = await db<RedactionRow>('redactions')
    .whereIn('log_index', indexes.map(String))
    .select('log_index', 'redaction_id')
  return new Map(rows.map((row) => [Number(row.log_index), row.redaction_id]))
}

/**
 * Puts the redaction of an entry on record, and removes payload, salt and the hashes that no salt
 * is in for good. False when it was redacted before; of two at once the second waits for the first.
 */
export async function insertRedaction(
  trx: Knex.Transaction,
  redaction: Redaction,
): Promise<boolean> {
  const created = await trx('redactions')
    .insert({
      log_index: redaction.index,
      redaction_id: redaction.redactionId,
      reason: redaction.reason,
      legal_basis: redaction.legalBasis,
      redacted_by: redaction.redactedBy,
      redacted_at: redaction.redactedAt,
    })
    .onConflict('log_index')
    .ignore()
    .returning('log_index')
  if (created.length === 0) return false
  await trx.raw('select erase_payload(?)', [redaction.index])
  return true
}
