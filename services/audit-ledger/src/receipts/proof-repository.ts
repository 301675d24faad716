import type { Knex } from '@mumega/db'
import { ENTRY_BYTES_MAX } from '@mumega/tlog/entry'
import { HASH_BYTES } from '@mumega/tlog/merkle'

export interface EventKey {
  readonly chain: string
  readonly seq: number
  readonly index: number
}

const LENGTH_BYTES = 2

/**
 * The place of an event and the bytes of its entry; undefined when there is none, or it is not the
 * transaction's tenant's. Both in one statement: each round trip is paid by each receipt.
 */
export async function findEntry(
  trx: Knex.Transaction,
  { source, id }: { source: string; id: string },
): Promise<{ key: EventKey; bytes: Buffer } | undefined> {
  const answer = await trx.raw<{
    rows: { chain: string; seq: string; log_index: string; framed: Buffer | null }[]
  }>(
    `select chain, seq, log_index,
            substring(entries from offset_at(pair, 0) + 1
                      for least(offset_at(pair, 1) - offset_at(pair, 0), ?)) as framed
       from event_keys left join lateral (
              select entries, substring(offsets from (4 * (log_index - first_index) + 1)::int for 8) as pair
                from event_batches where first_index <= log_index
               order by first_index desc limit 1) batch on true
      where id = ? and source = ?`,
    [LENGTH_BYTES + ENTRY_BYTES_MAX, id, source],
  )
  const [row] = answer.rows
  if (row === undefined) return undefined
  const key = { chain: row.chain, seq: Number(row.seq), index: Number(row.log_index) }
  if (row.framed === null) throw new Error(`there is no entry ${key.index}`)
  return { key, bytes: row.framed.subarray(LENGTH_BYTES) }
}

/**
 * What stands behind an entry's commitment, or the id of the entry that says that it was erased.
 */
export type Disclosure =
  | {
      readonly salt: Buffer
      /** Canonical JSON. */
      readonly payload: string
    }
  | { readonly redactionId: string }

/** Both in one statement, which sees one moment. */
export async function getDisclosure(db: Knex, index: number): Promise<Disclosure> {
  const answer = await db.raw<{
    rows: { salt: Buffer; payload: Buffer; redaction_id: string | null }[]
  }>(
    `select substring(salts from (32 * nth + 1)::int for 32) as salt,
            substring(payloads from offset_at(pair, 0) + 1 for offset_at(pair, 1) - offset_at(pair, 0)) as payload,
            (select redaction_id from redactions where log_index = ?) as redaction_id
       from (select salts, payloads, ? - first_index as nth,
                    substring(offsets from (4 * (? - first_index) + 1)::int for 8) as pair
               from payload_batches where first_index <= ? order by first_index desc limit 1) batch`,
    [index, index, index, index],
  )
  const row = answer.rows[0]
  if (row === undefined) throw new Error(`the payload behind entry ${index} is missing`)
  if (row.redaction_id !== null) return { redactionId: row.redaction_id }
  return { salt: row.salt, payload: row.payload.toString() }
}

/** Neighbouring nodes of one level of 256^`level`: `begin` inclusive, `end` exclusive. */
export interface NodeRange {
  readonly level: number
  readonly begin: number
  readonly end: number
}

/**
 * The hashes of each range, which must be full and at most 256 wide. One query for leaves, one for
 * the others.
 */
export async function getHashes(db: Knex, ranges: readonly NodeRange[]): Promise<Buffer[][]> {
  const found = await Promise.all([readLeaves(db, ranges), readSubtrees(db, ranges)])
  return ranges.map((range, nth) => {
    const hashes = split(Buffer.concat(found.flatMap((by) => by.get(nth + 1) ?? [])))
    if (hashes.length === range.end - range.begin) return hashes
    const { level, begin, end } = range
    throw new Error(`nodes ${begin} to ${end} of level ${level} are not all there`)
  })
}

/** Bytes of hashes by the ordinal of their range, from 1. */
type HashesByRange = Map<number, Buffer[]>

async function readLeaves(db: Knex, ranges: readonly NodeRange[]): Promise<HashesByRange> {
  if (ranges.every(({ level }) => level > 0)) return new Map()
  return readRanges(
    db,
    ranges,
    `select wanted.nth, substring(leaf_hashes from (32 * greatest(wanted.begins - first_index, 0) + 1)::int
              for (32 * (least(wanted.ends, first_index + count) - greatest(wanted.begins, first_index)))::int) as hashes
       from wanted join lateral (
              select * from event_batches where first_index < wanted.ends and first_index >=
                     (select max(first_index) from event_batches where first_index <= wanted.begins)) batch on true
      where wanted.level = 0 order by wanted.nth, first_index`,
  )
}

// One row for each tile: a row for each of its nodes costs more than all else of a receipt.
async function readSubtrees(db: Knex, ranges: readonly NodeRange[]): Promise<HashesByRange> {
  if (ranges.every(({ level }) => level === 0)) return new Map()
  return readRanges(
    db,
    ranges,
    `select wanted.nth, string_agg(hash, ''::bytea order by position) as hashes
       from wanted join subtrees on subtrees.level = wanted.level
        and position >= wanted.begins and position < wanted.ends
      group by wanted.nth`,
  )
}

async function readRanges(
  db: Knex,
  ranges: readonly NodeRange[],
  query: string,
): Promise<HashesByRange> {
  const answer = await db.raw<{ rows: { nth: string; hashes: Buffer }[] }>(
    `with wanted as materialized (
       select * from unnest(?::int[], ?::bigint[], ?::bigint[]) with ordinality as given (level, begins, ends, nth))
     ${query}`,
    [
      ranges.map(({ level }) => level),
      ranges.map(({ begin }) => begin),
      ranges.map(({ end }) => end),
    ],
  )
  const byRange: HashesByRange = new Map()
  for (const { nth, hashes } of answer.rows) {
    byRange.set(Number(nth), [...(byRange.get(Number(nth)) ?? []), hashes])
  }
  return byRange
}

function split(hashes: Buffer): Buffer[] {
  return Array.from({ length: hashes.length / HASH_BYTES }, (_, nth) =>
    hashes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES),
  )
}
