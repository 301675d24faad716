import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import { decodeFrontier, encodeFrontier, HASH_BYTES, type Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { bigintArray, byteaArray, textArray, uuidArray } from './pg-array.ts'
import type { ChainHead, EntryBatch, LogTip } from './entry-batch.ts'
import { FinalFailure } from './final-failure.ts'

export interface LogHead {
  readonly frontier: Frontier
  readonly epoch: number
}

/** The intent hash of an entry whose payload was erased, in latin1. */
export const ERASED_HASH = '\0'.repeat(HASH_BYTES)

// The entry's bytes stand between two neighbouring offsets, behind their length in two bytes.
const entryPlaceAt = (join: 'join' | 'left join', index: string) => `
        ${join} lateral (select * from event_batches where first_index <= ${index}
                       order by first_index desc limit 1) batch on true
        ${join} lateral (select substring(batch.offsets from (4 * (${index} - batch.first_index) + 1)::int for 8)
                        as pair) slice on true
        ${join} lateral (select offset_at(pair, 0) as begins, offset_at(pair, 1) as ends) place on true`

/** Where an event that was sealed before stands. */
export interface KnownKey {
  readonly source: string
  readonly id: string
  readonly chain: string
  readonly seq: number
  readonly index: number
  /** In latin1. */
  readonly intentHash: string
  /** Hex SHA-256 of its entry. */
  readonly hash: string
}

// One statement is one transaction and one round trip. Its first part takes the lock of the head
// row and compares epoch and frontier; when either is another's, every part finds `head` empty and
// nothing is written. The frontier and not only the size: somebody else may have added as many
// entries as the batch on which this one was built.
const COMMIT = `
  with head as (
    update log_head set size = $1, frontier = $2 where size = $3 and frontier = $21 and epoch = $4
    returning 1),
  batch as (
    insert into event_batches (first_index, count, entries, offsets, leaf_hashes)
    select $3, $5, $6, $7, $8 from head),
  payload as (
    insert into payload_batches (first_index, salts, payloads, offsets)
    select $3, $9, $10, $11 from head),
  chain as (
    insert into chains (chain, seq, head)
    select touched.* from head, unnest($12::text[], $13::int8[], $14::bytea[]) as touched
    on conflict (chain) do update set seq = excluded.seq, head = excluded.head),
  keys as (
    insert into event_keys (id, log_index, seq, number, source, chain, intent_hash)
    select key.id, $3 + key.nth - 1, key.seq, key.number, key.source, key.chain, key.intent_hash
      from head, unnest($15::uuid[], $16::int8[], $17::int8[], $18::text[], $19::text[], $20::bytea[])
           with ordinality as key (id, seq, number, source, chain, intent_hash, nth))
  select count(*)::int as committed from head`

/**
 * Commits one batch behind `tip`, or nothing. False when the log does not stand at `tip` any more.
 * Throws the unique violation of `event_keys_once` or `event_keys_in_sequence`; after an error of
 * the connection the outcome is unknown.
 */
export async function commitBatch(
  connection: Connection,
  tip: LogTip,
  batch: EntryBatch,
): Promise<boolean> {
  const heads = [...batch.chains.values()]
  const answer = await connection.query<{ committed: number }>({
    name: 'commit-batch',
    text: COMMIT,
    values: [
      batch.frontier.size,
      encodeFrontier(batch.frontier),
      tip.frontier.size,
      tip.epoch,
      batch.intents.length,
      batch.entries,
      batch.offsets,
      batch.leafHashes,
      batch.salts,
      batch.payloads,
      batch.payloadOffsets,
      textArray([...batch.chains.keys()]),
      bigintArray(heads.map((head) => head.seq)),
      byteaArray(heads.map((head) => Buffer.from(head.head, 'hex').toString('latin1'))),
      uuidArray(batch.intents.map((intent) => intent.id)),
      bigintArray(batch.sealed.map((entry) => entry.seq)),
      bigintArray(batch.intents.map((intent) => intent.number)),
      textArray(batch.intents.map((intent) => intent.source)),
      textArray(batch.intents.map((intent) => intent.chain)),
      byteaArray(batch.intents.map((intent) => intent.intentHash)),
      encodeFrontier(tip.frontier),
    ],
  })
  return answer.rows[0]?.committed === 1
}

/** Reads how far the log is committed. */
export async function readHead(connection: Connection): Promise<LogHead> {
  const answer = await connection.query<{ size: string; frontier: Buffer; epoch: string }>({
    text: 'select size, frontier, epoch from log_head',
  })
  const row = answer.rows[0]
  if (row === undefined) throw new Error('log_head has no row')
  const frontier = decodeFrontier(row.frontier)
  if (frontier.size !== Number(row.size)) throw new Error('log_head disagrees with its frontier')
  return { frontier, epoch: Number(row.epoch) }
}

/**
 * A chain's row is not what the chain's last entry says: whatever followed it would be linked to
 * nothing.
 */
class ChainMisstated extends FinalFailure {
  constructor(chain: string) {
    super(`the head of the chain ${chain} is not its last entry`)
    this.name = 'ChainMisstated'
  }
}

interface ChainRow {
  chain: string
  seq: string
  head: Buffer
  last_seq: string | null
  entry: Buffer | null
}

/**
 * Reads the heads of those of `chains` that have entries, each beside the bytes of the chain's last
 * entry, as nobody but this process is believed (LOCK-MON-3).
 *
 * @throws ChainMisstated when a row and its chain's last entry disagree
 */
export async function readChains(
  connection: Connection,
  chains: readonly string[],
): Promise<Map<string, ChainHead>> {
  const answer = await connection.query<ChainRow>({
    name: 'read-chains',
    text: `
      select chains.chain, chains.seq, chains.head, last.seq as last_seq,
             substring(batch.entries from place.begins + 3 for place.ends - place.begins - 2) as entry
        from chains
        left join lateral (select key.seq, key.log_index from event_keys key
                            where key.chain = chains.chain order by key.seq desc limit 1) last on true
        ${entryPlaceAt('left join', 'last.log_index')}
       where chains.chain = any($1::text[])`,
    values: [textArray(chains)],
  })
  return new Map(answer.rows.map((row) => [row.chain, headOf(row)]))
}

function headOf({ chain, seq, head, last_seq, entry }: ChainRow): ChainHead {
  if (last_seq !== seq || entry === null || !entryHash(entry).equals(head)) {
    throw new ChainMisstated(chain)
  }
  // Its hash is the head's: what is inside is what was sealed, if the head is its own chain's.
  const inside = decodeOwn(entry)
  if (inside?.chain !== chain || inside.seq !== Number(seq)) throw new ChainMisstated(chain)
  return { seq: Number(seq), head: head.toString('hex') }
}

function decodeOwn(entry: Buffer): LeafEntry | undefined {
  try {
    return decodeEntry(entry)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

/** Finds those of these events that were sealed before. */
export async function findKeys(
  connection: Connection,
  events: readonly { source: string; id: string }[],
): Promise<KnownKey[]> {
  const answer = await connection.query<{
    source: string
    id: string
    chain: string
    seq: string
    log_index: string
    intent_hash: Buffer
    entry_hash: Buffer
  }>({
    name: 'find-keys',
    text: `
      select key.source, key.id, key.chain, key.seq, key.log_index, key.intent_hash,
             sha256(substring(batch.entries from place.begins + 3 for place.ends - place.begins - 2)) as entry_hash
        from unnest($1::text[], $2::uuid[]) as wanted (source, id)
        join event_keys key on key.source = wanted.source and key.id = wanted.id
        ${entryPlaceAt('join', 'key.log_index')}`,
    values: [
      textArray(events.map((event) => event.source)),
      uuidArray(events.map((event) => event.id)),
    ],
  })
  return answer.rows.map((row) => ({
    source: row.source,
    id: row.id,
    chain: row.chain,
    seq: Number(row.seq),
    index: Number(row.log_index),
    intentHash: row.intent_hash.toString('latin1'),
    hash: row.entry_hash.toString('hex'),
  }))
}

/** Of the places that a batch wanted, the chains in which one of them is taken already. */
export async function findTakenChains(
  connection: Connection,
  batch: EntryBatch,
): Promise<Set<string>> {
  const answer = await connection.query<{ chain: string }>({
    text: `select distinct key.chain from unnest($1::text[], $2::int8[]) as wanted (chain, seq)
             join event_keys key on key.chain = wanted.chain and key.seq = wanted.seq`,
    values: [
      textArray(batch.sealed.map((entry) => entry.chain)),
      bigintArray(batch.sealed.map((entry) => entry.seq)),
    ],
  })
  return new Set(answer.rows.map((row) => row.chain))
}
