import { REDACTING_SOURCE } from '@mumega/tlog/receipt'
import type { Connection } from '../connection.ts'
import type { ChainKey, StoredKey } from './key-check.ts'

/** What the database says of one chain's end, seen in one moment. */
export interface ChainEnd {
  readonly chain: string
  /** The row of `chains`. */
  readonly row: { readonly seq: number; readonly head: Buffer } | undefined
  /** The last keys of the chain, the newest first, each with the entry that it points to. */
  readonly keys: readonly PointedEntry[]
}

export interface PointedEntry {
  readonly key: ChainKey
  /** The batch in which the key points; undefined where there is none. */
  readonly batchIndex: number | undefined
  /** Undefined where the key points nowhere. */
  readonly bytes: Buffer | undefined
}

/** Keys of a chain that are looked at; more extra ones show when these are gone. */
const KEYS_MAX = 4
/** Chains of one page. */
export const CHAINS_PAGE = 50
const ENTRY_BYTES_MAX = 8_192
const NAME_MAX = 300

// Whatever stands in the rows, it must not make the statement fail: each step of reading an entry
// is taken only where the one before led somewhere.
const numberAt = (from: number) =>
  `('x' || encode(substring(pair from ${from} for 4), 'hex'))::bit(32)::int`
/** Joins the entry at this index, with the batch that it is in, where there is one. */
export const entryAt = (index: string): string => `
  left join lateral (
    select first_index, count, offsets, entries from event_batches
     where first_index between 0 and ${index} order by first_index desc limit 1) batch on true
  left join lateral (
    select case when ${index} - first_index < least(count, 2048)
                then substring(offsets from (4 * (${index} - first_index) + 1)::int for 8)
            end as pair) slice on true
  left join lateral (
    select case when octet_length(pair) = 8 then ${numberAt(1)} end as begins,
           case when octet_length(pair) = 8 then ${numberAt(5)} end as ends) place on true
  left join lateral (
    select case when begins >= 0 and ends::int8 - begins between 2 and ${ENTRY_BYTES_MAX + 2}
                then substring(entries from begins + 3 for ends - begins - 2) end as bytes)
    entry on true`

interface EntryColumns {
  source: string | null
  id: string | null
  last_seq: string | null
  log_index: string | null
  first_index: string | null
  bytes: Buffer | null
}

/** The ends of the next chains behind `after`, in the order of their names. */
export async function readChainEnds(connection: Connection, after: string): Promise<ChainEnd[]> {
  const answer = await connection.query<
    EntryColumns & { chain: string; seq: string | null; head: Buffer | null }
  >({
    // The names in the key table by jumping from one to the next: a chain has millions of keys.
    text: `
      with recursive named (chain) as (
        (select chain from event_keys where chain > $1 order by chain limit 1)
        union all
        select (select key.chain from event_keys key where key.chain > named.chain
                 order by key.chain limit 1)
          from named where named.chain is not null),
      page as (
        select chain from (
          (select chain from named where chain is not null limit ${CHAINS_PAGE})
          union (select chain from chains where chain > $1 order by chain limit ${CHAINS_PAGE})
        ) as known order by chain limit ${CHAINS_PAGE})
      select page.chain, row.seq, substring(row.head for 64) as head,
             left(key.source, ${NAME_MAX}) as source, key.id, key.seq as last_seq, key.log_index,
             batch.first_index, entry.bytes
        from page left join chains row on row.chain = page.chain
        left join lateral (select * from event_keys where event_keys.chain = page.chain
                            order by event_keys.seq desc limit ${KEYS_MAX}) key on true
        ${entryAt('key.log_index')}
       order by page.chain, key.seq desc`,
    values: [after],
  })
  const ends = new Map<string, ChainEnd & { keys: PointedEntry[] }>()
  for (const { chain, seq, head, ...columns } of answer.rows) {
    const row = seq === null || head === null ? undefined : { seq: Number(seq), head }
    const end = ends.get(chain) ?? { chain, row, keys: [] }
    const pointed = pointedBy(chain, columns)
    if (pointed !== undefined) end.keys.push(pointed)
    ends.set(chain, end)
  }
  return [...ends.values()]
}

function pointedBy(chain: string, columns: EntryColumns): PointedEntry | undefined {
  const { source, id, last_seq, log_index, first_index, bytes } = columns
  if (source === null || id === null) return undefined
  return {
    key: { source, id, chain, seq: Number(last_seq), index: Number(log_index) },
    batchIndex: first_index === null ? undefined : Number(first_index),
    bytes: bytes ?? undefined,
  }
}

// A lookup in an index for each wanted key. Joined in the plain way, the keys of a few hundred
// thousand to a few million entries are read whole for each step, by parallel workers: the planner
// holds that to be cheaper, and at 600,000 entries it took a core from sealing. `offset 0` keeps
// the lookup as it stands.
const keyWhere = (condition: string) =>
  `cross join lateral (select * from event_keys where ${condition} offset 0) key`
const KEY_AT_PLACE = keyWhere('event_keys.chain = wanted.chain and event_keys.seq = wanted.seq')
const KEY_OF_EVENT = keyWhere('event_keys.source = wanted.source and event_keys.id = wanted.id')

/** The entries at these places in their chains, by the ordinal of the place. */
export async function readEntriesAt(
  connection: Connection,
  places: readonly { chain: string; seq: number }[],
): Promise<Map<number, PointedEntry>> {
  if (places.length === 0) return new Map()
  const answer = await connection.query<EntryColumns & { nth: string; chain: string }>({
    text: `select nth, wanted.chain, left(key.source, ${NAME_MAX}) as source, key.id,
                  key.seq as last_seq, key.log_index, batch.first_index, entry.bytes
             from unnest($1::text[], $2::int8[]) with ordinality as wanted (chain, seq, nth)
             ${KEY_AT_PLACE} ${entryAt('key.log_index')}`,
    values: [places.map(({ chain }) => chain), places.map(({ seq }) => seq)],
  })
  return new Map(
    answer.rows.flatMap(({ nth, chain, ...columns }) => {
      const pointed = pointedBy(chain, columns)
      return pointed === undefined ? [] : [[Number(nth) - 1, pointed] as const]
    }),
  )
}

const KEY_COLUMNS = `left(key.source, ${NAME_MAX}) as source, key.id,
  left(key.chain, ${NAME_MAX}) as chain, key.seq, key.log_index, key.number,
  substring(key.intent_hash for 64) as intent_hash`

/** The keys at these places in their chains, by the ordinal of the place. */
export async function readKeysByPlace(
  connection: Connection,
  places: readonly { chain: string; seq: number }[],
): Promise<Map<number, StoredKey>> {
  return readKeys(connection, {
    text: `select nth, ${KEY_COLUMNS}
             from unnest($1::text[], $2::int8[]) with ordinality as wanted (chain, seq, nth)
             ${KEY_AT_PLACE}`,
    values: [places.map(({ chain }) => chain), places.map(({ seq }) => seq)],
  })
}

/** The keys of these events, by the ordinal of the event. */
export async function readKeysById(
  connection: Connection,
  events: readonly { source: string; id: string }[],
): Promise<Map<number, StoredKey>> {
  return readKeys(connection, {
    text: `select nth, ${KEY_COLUMNS}
             from unnest($1::text[], $2::uuid[]) with ordinality as wanted (source, id, nth)
             ${KEY_OF_EVENT}`,
    values: [events.map(({ source }) => source), events.map(({ id }) => id)],
  })
}

interface KeyRow {
  nth: string
  source: string
  id: string
  chain: string
  seq: string
  log_index: string
  number: string
  intent_hash: Buffer
}

async function readKeys(
  connection: Connection,
  query: { text: string; values: unknown[] },
): Promise<Map<number, StoredKey>> {
  const answer = await connection.query<KeyRow>(query)
  return new Map(
    answer.rows.map((row) => [
      Number(row.nth) - 1,
      {
        source: row.source,
        id: row.id,
        chain: row.chain,
        seq: Number(row.seq),
        index: Number(row.log_index),
        number: Number(row.number),
        intentHash: row.intent_hash.toString('latin1'),
      },
    ]),
  )
}

/** An erasure that is on record. */
export interface ReadRedaction {
  readonly redactionId: string
  /** The entry that should tell of it; undefined where there is none. */
  readonly bytes: Buffer | undefined
}

/** The redactions of entries from `begin`, inclusive, up to `end`, by the entry's index. */
export async function readRedactions(
  connection: Connection,
  { begin, end }: { begin: number; end: number },
): Promise<Map<number, ReadRedaction>> {
  const answer = await connection.query<{ at: string; id: string; bytes: Buffer | null }>({
    text: `select redaction.log_index as at, redaction_id as id, entry.bytes
             from redactions redaction
             left join event_keys key on key.source = $3 and key.id = redaction_id ${entryAt('key.log_index')}
            where redaction.log_index >= $1 and redaction.log_index < $2`,
    values: [begin, end, REDACTING_SOURCE],
  })
  return new Map(
    answer.rows.map(({ at, id, bytes }) => [
      Number(at),
      { redactionId: id, bytes: bytes ?? undefined },
    ]),
  )
}
