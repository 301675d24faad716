import type { getTimestamp, listTimestamps as listContract } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { Knex } from '@mumega/db'
import { asUnavailable } from '@mumega/db/unavailable'
import { timestampNotFound } from '../errors.ts'
import { findTimestamp, listTimestamps } from './timestamp-repository.ts'

/**
 * Answers with the time-stamp of one checkpoint, and the very bytes that were stamped.
 *
 * @throws audit-ledger.timestamp-not-found, db.unavailable
 */
export async function handleGetTimestamp(
  db: Knex,
  { size }: RequestOf<typeof getTimestamp>,
): Promise<ReplyOf<typeof getTimestamp>> {
  const found = await asUnavailable(() => findTimestamp(db, size))
  if (found === undefined) throw timestampNotFound(size)
  const generatedAt = found.generatedAt.toISOString()
  return { reply: found.reply.toString('base64'), note: found.note, generatedAt }
}

/** Answers with the checkpoints that are stamped, newest first. @throws db.unavailable */
export async function handleListTimestamps(
  db: Knex,
  { limit, before }: RequestOf<typeof listContract>,
): Promise<ReplyOf<typeof listContract>> {
  const found = await asUnavailable(() => listTimestamps(db, { limit: limit + 1, before }))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    timestamps: listed.map(({ size, generatedAt }) => ({
      size,
      generatedAt: generatedAt.toISOString(),
    })),
    ...(found.length > limit && last !== undefined && { next: last.size }),
  }
}
