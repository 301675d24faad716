import { TILE_PART_BYTES_MAX, type getTile } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { Knex } from '@mumega/db'
import { asUnavailable } from '@mumega/db/unavailable'
import { TILE_WIDTH, tileWidth } from '@mumega/tlog/tiles'
import { tileNotFound } from '../errors.ts'
import { getHashes } from '../receipts/proof-repository.ts'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { getBundle } from './bundle-repository.ts'

/**
 * Answers with a part of a tile or bundle. What a signed checkpoint does not cover is not served:
 * it could still be refused.
 *
 * @throws audit-ledger.tile-not-found, db.unavailable
 */
export async function handleGetTile(
  { db, checkpointer }: { db: Knex; checkpointer: Checkpointer },
  { level, index, width, offset }: RequestOf<typeof getTile>,
): Promise<ReplyOf<typeof getTile>> {
  const size = checkpointer.current()?.size ?? 0
  const hashLevel = level === 'entries' ? 0 : level
  if (tileWidth(size, { level: hashLevel, index }) < width) throw tileNotFound()
  const range = { begin: index * TILE_WIDTH, end: index * TILE_WIDTH + width }
  const bytes = await asUnavailable(async () =>
    level === 'entries'
      ? getBundle(db, range)
      : Buffer.concat((await getHashes(db, [{ level, ...range }])).flat()),
  )
  const part = bytes.subarray(offset, offset + TILE_PART_BYTES_MAX)
  return { part: part.toString('base64'), totalBytes: bytes.length }
}
