import type { Knex } from '@mumega/db'

export interface KeptTimestamp {
  readonly size: number
  readonly imprint: Buffer
  /** DER. */
  readonly reply: Buffer
  readonly generatedAt: Date
}

/** Keeps a verified time-stamp; the first of a checkpoint stands. */
export async function insertTimestamp(db: Knex, kept: KeptTimestamp): Promise<void> {
  await db.raw(
    `insert into checkpoint_timestamps (size, imprint, reply, generated_at, received_at)
     values (?, ?, ?, ?, ?) on conflict do nothing`,
    [kept.size, kept.imprint, kept.reply, kept.generatedAt, new Date()],
  )
}

/** A time-stamp with the checkpoint that it is of. */
export interface StampedCheckpoint {
  readonly reply: Buffer
  /** The very bytes that were stamped, as text. */
  readonly note: string
  readonly generatedAt: Date
}

export async function findTimestamp(
  db: Knex,
  size: number,
): Promise<StampedCheckpoint | undefined> {
  const answer = await db.raw<{ rows: { reply: Buffer; note: string; generated_at: Date }[] }>(
    `select reply, note, generated_at
       from checkpoint_timestamps join checkpoints using (size) where size = ?`,
    [size],
  )
  const row = answer.rows[0]
  return row && { reply: row.reply, note: row.note, generatedAt: row.generated_at }
}

/** The sizes of stamped checkpoints, those below `before` alone, and when, newest first. */
export async function listTimestamps(
  db: Knex,
  { limit, before = Number.MAX_SAFE_INTEGER }: { limit: number; before?: number | undefined },
): Promise<{ size: number; generatedAt: Date }[]> {
  const rows = await db<{ size: string; generated_at: Date }>('checkpoint_timestamps')
    .where('size', '<', before)
    .orderBy('size', 'desc')
    .limit(limit)
    .select('size', 'generated_at')
  return rows.map(({ size, generated_at }) => ({ size: Number(size), generatedAt: generated_at }))
}
