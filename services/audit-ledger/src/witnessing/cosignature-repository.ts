import type { Knex } from '@mumega/db'
import type { Verifier } from '@mumega/tlog/note'

/** Who cosigned: the name and the id of the key. */
export type WitnessKey = Pick<Verifier, 'name' | 'keyId'>

export interface SignedCheckpoint {
  readonly size: number
  readonly root: Buffer
  /** As the log alone signed it. */
  readonly note: string
  readonly signedAt: Date
}

export async function findSigned(db: Knex, size: number): Promise<SignedCheckpoint | undefined> {
  const row = await db<{ size: string; root: Buffer; note: string; signed_at: Date }>('checkpoints')
    .where({ size: String(size) })
    .first('root', 'note', 'signed_at')
  return row && { size, root: row.root, note: row.note, signedAt: row.signed_at }
}

export interface KeptCosignature {
  readonly witness: WitnessKey
  readonly size: number
  readonly line: string
  readonly cosignedAt: Date
}

/** Keeps a verified cosignature; the first of a witness and checkpoint stands. */
export async function insertCosignature(db: Knex, kept: KeptCosignature): Promise<void> {
  await db.raw(
    `insert into checkpoint_cosignatures (witness, key_id, size, line, cosigned_at, received_at)
     values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [kept.witness.name, kept.witness.keyId, kept.size, kept.line, kept.cosignedAt, new Date()],
  )
}

/** The newest size that this key cosigned; 0 for none. */
export async function findCosignedSize(db: Knex, { name, keyId }: WitnessKey): Promise<number> {
  const row = await db<{ witness: string; key_id: number; size: string }>('checkpoint_cosignatures')
    .where({ witness: name, key_id: keyId })
    .orderBy('size', 'desc')
    .first('size')
  return Number(row?.size ?? 0)
}

/** The cosignatures of the newest `limit` checkpoints that have any, newest first. */
export async function listCosignatures(db: Knex, limit: number): Promise<KeptCosignature[]> {
  const answer = await db.raw<{ rows: CosignatureRow[] }>(
    `select witness, key_id, size, line, cosigned_at from checkpoint_cosignatures
      where size in (select distinct size from checkpoint_cosignatures order by size desc limit ?)
      order by size desc, witness, key_id`,
    [limit],
  )
  return answer.rows.map(keptOf)
}

interface CosignatureRow {
  witness: string
  key_id: string
  size: string
  line: string
  cosigned_at: Date
}

function keptOf(row: CosignatureRow): KeptCosignature {
  return {
    witness: { name: row.witness, keyId: Number(row.key_id) },
    size: Number(row.size),
    line: row.line,
    cosignedAt: row.cosigned_at,
  }
}

export type RefusalFault = 'conflict' | 'inconsistent' | 'ahead' | 'forged'

export interface Refusal {
  readonly fault: RefusalFault
  readonly oldSize: number
  readonly size: number
  readonly reason: string
}

/** False when the very same was refused before. */
export async function insertRefusal(
  trx: Knex.Transaction,
  witness: WitnessKey,
  refusal: Refusal & { occurredAt: Date },
): Promise<boolean> {
  const answer = await trx.raw<{ rowCount: number }>(
    `insert into witness_refusals (witness, key_id, fault, old_size, size, reason, occurred_at)
     values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [
      witness.name,
      witness.keyId,
      refusal.fault,
      refusal.oldSize,
      refusal.size,
      refusal.reason,
      refusal.occurredAt,
    ],
  )
  return answer.rowCount === 1
}
