import type { getTimestamp, listTimestamps as listContract } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { Knex } from '@mumega/db'
import { timestampNotFound } from '../errors.ts'
import { findTimestamp, listTimestamps } from './timestamp-repository.ts'

/**
 * Answers with the time-stamp of one checkpoint, and the very bytes that were stamped.
 *
 * @throws audit-ledger.timestamp-not-found
 */
export async function handleGetTimestamp(
  db: Knex,
  { size }: RequestOf<typeof getTimestamp>,
): Promise<ReplyOf<typeof getTimestamp>> {
  const found = await findTimestamp(db, size)
  if (found === undefined) throw timestampNotFound(size)
  const generatedAt = found.generatedAt.toISOString()
  return { reply: found.reply.toString('base64'), note: found.note, generatedAt }
}

/** Answers with the checkpoints that are stamped, newest first. */
export async function handleListTimestamps(
  db: Knex,
  { limit }: RequestOf<typeof listContract>,
): Promise<ReplyOf<typeof listContract>> {
  const found = await listTimestamps(db, limit)
  return {
    timestamps: found.map(({ size, generatedAt }) => ({
      size,
      generatedAt: generatedAt.toISOString(),
    })),
  }
}
