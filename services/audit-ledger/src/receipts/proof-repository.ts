import type { Knex } from '@mumega/db'
import { ENTRY_BYTES_MAX } from '@mumega/tlog/entry'
import { HASH_BYTES } from '@mumega/tlog/merkle'

export interface EventKey {
  readonly chain: string
  readonly seq: number
  readonly index: number
}

/** The place of an event; undefined when there is none, or it is not the transaction's tenant's. */
export async function findEventKey(
  trx: Knex.Transaction,
  event: { source: string; id: string },
): Promise<EventKey | undefined> {
  const row = await trx<{
    source: string
    id: string
    chain: string
    seq: string
    log_index: string
  }>('event_keys')
    .where(event)
    .first('chain', 'seq', 'log_index')
  return row && { chain: row.chain, seq: Number(row.seq), index: Number(row.log_index) }
}

const LENGTH_BYTES = 2

/** The bytes of one entry, which must be committed. */
export async function getEntry(trx: Knex.Transaction, index: number): Promise<Buffer> {
  const answer = await trx.raw<{ rows: { framed: Buffer }[] }>(
    `select substring(entries from offset_at(pair, 0) + 1 for least(offset_at(pair, 1) - offset_at(pair, 0), ?)) as framed
       from (select entries, substring(offsets from (4 * (? - first_index) + 1)::int for 8) as pair
               from event_batches where first_index <= ? order by first_index desc limit 1) batch`,
    [LENGTH_BYTES + ENTRY_BYTES_MAX, index, index],
  )
  const framed = answer.rows[0]?.framed
  if (framed === undefined) throw new Error(`there is no entry ${index}`)
  return framed.subarray(LENGTH_BYTES)
}

export interface Disclosure {
  readonly salt: Buffer
  /** Canonical JSON. */
  readonly payload: string
}

/** What stands behind an entry's commitment; undefined once it was erased. */
export async function findDisclosure(
  trx: Knex.Transaction,
  index: number,
): Promise<Disclosure | undefined> {
  const answer = await trx.raw<{ rows: { salt: Buffer; payload: Buffer }[] }>(
    `select substring(salts from (32 * nth + 1)::int for 32) as salt,
            substring(payloads from offset_at(pair, 0) + 1 for offset_at(pair, 1) - offset_at(pair, 0)) as payload
       from (select salts, payloads, ? - first_index as nth,
                    substring(offsets from (4 * (? - first_index) + 1)::int for 8) as pair
               from payload_batches where first_index <= ? order by first_index desc limit 1) batch`,
    [index, index, index],
  )
  const row = answer.rows[0]
  return row && { salt: row.salt, payload: row.payload.toString() }
}

/** Neighbouring nodes of one level of 256^`level`: `begin` inclusive, `end` exclusive. */
export interface NodeRange {
  readonly level: number
  readonly begin: number
  readonly end: number
}

/** The hashes of a range, which must be full and at most 256 wide. */
export async function getHashes(trx: Knex.Transaction, range: NodeRange): Promise<Buffer[]> {
  const hashes = range.level === 0 ? await readLeaves(trx, range) : await readSubtrees(trx, range)
  if (hashes.length !== range.end - range.begin) {
    throw new Error(
      `nodes ${range.begin} to ${range.end} of level ${range.level} are not all there`,
    )
  }
  return hashes
}

async function readLeaves(trx: Knex.Transaction, { begin, end }: NodeRange): Promise<Buffer[]> {
  const answer = await trx.raw<{ rows: { hashes: Buffer }[] }>(
    `select substring(leaf_hashes from (32 * greatest(:begin - first_index, 0) + 1)::int
                      for (32 * (least(:end, first_index + count) - greatest(:begin, first_index)))::int) as hashes
       from event_batches
      where first_index < :end
        and first_index >= (select max(first_index) from event_batches where first_index <= :begin)
      order by first_index`,
    { begin, end },
  )
  return split(Buffer.concat(answer.rows.map((row) => row.hashes)))
}

async function readSubtrees(
  trx: Knex.Transaction,
  { level, begin, end }: NodeRange,
): Promise<Buffer[]> {
  const rows = await trx<{ level: number; position: string; hash: Buffer }>('subtrees')
    .where({ level })
    .andWhere('position', '>=', begin)
    .andWhere('position', '<', end)
    .orderBy('position')
    .select('hash')
  return rows.map((row) => row.hash)
}

function split(hashes: Buffer): Buffer[] {
  return Array.from({ length: hashes.length / HASH_BYTES }, (_, nth) =>
    hashes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES),
  )
}
