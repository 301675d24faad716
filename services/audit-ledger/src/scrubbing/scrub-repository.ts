import type { Connection } from '../connection.ts'
import { copiedRows } from '../signing/copied-rows.ts'
import type { StoredBatch } from './batch-frames.ts'
import type { AnchorRow, CheckpointRow, SignedRows } from './signed-check.ts'

/** How far the log and its signatures reach when a pass begins, seen in one moment. */
export interface LogExtent {
  /** Undefined where the row is gone. */
  readonly size: number | undefined
  readonly frontier: Buffer
  /** Of the newest checkpoint that is not beyond the log; 0 where there is none. */
  readonly checkpointSize: number
  /** Where the last batch ends. */
  readonly batchesEnd: number
}

export async function readExtent(connection: Connection): Promise<LogExtent> {
  const answer = await connection.query<{
    size: string | null
    frontier: Buffer | null
    checkpoint: string
    batches: string
  }>({
    text: `select (select size from log_head) as size, (select frontier from log_head) as frontier,
                  coalesce((select max(checkpoints.size) from checkpoints
                             where checkpoints.size <= coalesce((select size from log_head),
                                   checkpoints.size)), 0) as checkpoint,
                  coalesce((select first_index + count from event_batches
                             order by first_index desc limit 1), 0) as batches`,
  })
  const row = answer.rows[0]
  return {
    size: row === undefined || row.size === null ? undefined : Number(row.size),
    frontier: row?.frontier ?? Buffer.alloc(0),
    checkpointSize: Number(row?.checkpoint),
    batchesEnd: Number(row?.batches),
  }
}

// A step reads batches until it has this much, and one more; a part that is longer than sealing
// makes them is not read at all. Together they bound the memory of a step.
const STEP_BYTES = 131_072
const STEP_BATCHES_MAX = 64
const PART_BYTES_MAX = 20 * 1_048_576

/**
 * The next batches behind the one that starts at `after`, that start before `end`. By COPY, as the
 * signing reads them.
 */
export async function readBatchesBehind(
  connection: Connection,
  { after, end }: { after: number; end: number },
): Promise<StoredBatch[]> {
  const part = (column: string): string =>
    `case when octet_length(${column}) <= ${PART_BYTES_MAX} then ${column} end`
  const bytes = await connection.copyOut(
    `copy (with few as (
             select batch.first_index, octet_length(entries) + octet_length(leaf_hashes)
                    + coalesce(octet_length(payloads), 0) as bytes
               from event_batches batch left join payload_batches using (first_index)
              where batch.first_index > ${BigInt(after)} and batch.first_index < ${BigInt(end)}
              order by batch.first_index limit ${STEP_BATCHES_MAX}),
           summed as (
             select first_index, sum(bytes) over (order by first_index) - bytes as before from few)
           select batch.first_index, batch.count::int8, ${part('batch.entries')},
                  ${part('batch.offsets')}, ${part('batch.leaf_hashes')}, payload.first_index,
                  ${part('payload.salts')}, ${part('payload.payloads')}, ${part('payload.offsets')}
             from summed join event_batches batch using (first_index)
             left join payload_batches payload using (first_index)
            where before < ${STEP_BYTES} order by batch.first_index) to stdout (format binary)`,
  )
  return copiedRows(bytes).map(batchOf)
}

function batchOf(row: readonly (Buffer | undefined)[]): StoredBatch {
  const [firstIndex, count, entries, offsets, leafHashes, payloadIndex, ...parts] = row
  const [salts, payloads, payloadOffsets] = parts
  if (firstIndex === undefined || count === undefined) throw new Error('a batch has a place')
  return {
    firstIndex: Number(firstIndex.readBigInt64BE()),
    count: Number(count.readBigInt64BE()),
    entries,
    offsets,
    leafHashes,
    payloads: payloadIndex && { salts, payloads, offsets: payloadOffsets },
  }
}

const LIST_MAX = 20

/** What was signed at sizes from `begin`, exclusive, up to `end`, and the subtrees full then. */
export async function readSigned(
  connection: Connection,
  { begin, end }: { begin: number; end: number },
): Promise<SignedRows> {
  return {
    checkpoints: await readCheckpoints(connection, [begin, end]),
    anchors: await readAnchors(connection, [begin, end]),
    subtrees: await readSubtrees(connection, [begin, end]),
  }
}

// Longer than any note of this log; one that is longer shows as another.
const NOTE_CHARACTERS_MAX = 4_096

type Range = readonly [begin: number, end: number]

const CHECKPOINT_COLUMNS = `size, coalesce(previous_size, 0) as previous_size,
  substring(root for 64) as root, substring(frontier for 4096) as frontier,
  left(note, ${NOTE_CHARACTERS_MAX}) as note`

interface CheckpointColumns {
  size: string
  previous_size: string
  root: Buffer
  frontier: Buffer
  note: string
}

function checkpointOf({ size, previous_size, ...row }: CheckpointColumns): CheckpointRow {
  return { ...row, size: Number(size), previousSize: Number(previous_size) }
}

async function readCheckpoints(
  connection: Connection,
  range: Range,
): Promise<Map<number, CheckpointRow>> {
  const answer = await connection.query<CheckpointColumns>({
    text: `select ${CHECKPOINT_COLUMNS} from checkpoints where size > $1 and size <= $2`,
    values: [...range],
  })
  return new Map(answer.rows.map((row) => [Number(row.size), checkpointOf(row)]))
}

/** The checkpoint up to which the last pass was put on record; undefined for none. */
export async function readKeptCheckpoint(
  connection: Connection,
): Promise<CheckpointRow | undefined> {
  const answer = await connection.query<CheckpointColumns>({
    text: `select ${CHECKPOINT_COLUMNS} from checkpoints
            where size = (select checkpoint_size from scrub_progress)`,
  })
  return answer.rows.map(checkpointOf)[0]
}

async function readAnchors(connection: Connection, range: Range): Promise<Map<number, AnchorRow>> {
  const answer = await connection.query<{
    anchor: string
    from_index: string
    to_index: string
    root: Buffer
    note: string
    previous_hash: Buffer
    hash: Buffer
  }>({
    text: `select anchor, from_index, to_index, substring(root for 64) as root,
                  left(note, ${NOTE_CHARACTERS_MAX}) as note,
                  substring(previous_hash for 64) as previous_hash, substring(hash for 64) as hash
             from audit_chain_anchors where anchor > $1 / 256 and anchor <= $2 / 256`,
    values: [...range],
  })
  return new Map(
    answer.rows.map((row) => [
      Number(row.anchor),
      {
        anchor: Number(row.anchor),
        fromIndex: Number(row.from_index),
        toIndex: Number(row.to_index),
        root: row.root,
        note: row.note,
        previousHash: row.previous_hash,
        hash: row.hash,
      },
    ]),
  )
}

async function readSubtrees(connection: Connection, range: Range): Promise<Map<string, Buffer>> {
  const answer = await connection.query<{ name: string; hash: Buffer }>({
    text: `select subtrees.level || '/' || position as name, substring(hash for 64) as hash
             from generate_series(1, 6) as wanted (level) join subtrees
               on subtrees.level = wanted.level
              and position >= $1 >> (8 * wanted.level) and position < $2 >> (8 * wanted.level)`,
    values: [...range],
  })
  return new Map(answer.rows.map(({ name, hash }) => [name, hash]))
}

/** A row that stands where nothing may be. */
export interface ExtraRow {
  readonly kind: 'entries-extra' | 'checkpoint-extra' | 'anchor-extra' | 'subtree-extra'
  readonly place: string
}

/**
 * Rows beyond the end of the log, and beyond what was signed of it: where the pass ended, or by now
 * a later place. All of it in one moment, as the log grows meanwhile. At most 20 of each.
 */
export async function readBeyond(
  connection: Connection,
  { size, signedSize }: { size: number; signedSize: number },
): Promise<ExtraRow[]> {
  const answer = await connection.query<{ kind: ExtraRow['kind']; place: string }>({
    text: `
      with head as (select coalesce((select size from log_head), $1::int8) as size),
      reach as (
        select size, greatest($2::int8, coalesce((select max(checkpoints.size) from checkpoints
                  where checkpoints.size <= head.size), 0)) as signed from head)
      (select 'entries-extra' as kind, 'batch ' || first_index as place from event_batches, reach
        where first_index >= size order by first_index limit ${LIST_MAX})
      union all
      (select 'checkpoint-extra', 'checkpoint ' || checkpoints.size from checkpoints, reach
        where checkpoints.size > reach.size order by checkpoints.size limit ${LIST_MAX})
      union all
      (select 'anchor-extra', 'anchor ' || anchor from audit_chain_anchors, reach
        where anchor > signed / 256 order by anchor limit ${LIST_MAX})
      union all
      (select 'subtree-extra', 'subtree ' || subtrees.level || '/' || position
         from reach, generate_series(1, 6) as wanted (level) join subtrees
           on subtrees.level = wanted.level
        where position >= signed >> (8 * wanted.level)
        order by subtrees.level, position limit ${LIST_MAX})`,
    values: [size, signedSize],
  })
  return answer.rows
}

/** Rows of payloads that belong to no batch, from `begin`, inclusive, up to `end`. At most 20. */
export async function readLostPayloads(
  connection: Connection,
  { begin, end }: { begin: number; end: number },
): Promise<number[]> {
  const answer = await connection.query<{ first_index: string }>({
    text: `select first_index from payload_batches payload
            where first_index >= $1 and first_index < $2 and not exists (
                  select from event_batches batch where batch.first_index = payload.first_index)
            order by first_index limit ${LIST_MAX}`,
    values: [begin, end],
  })
  return answer.rows.map((row) => Number(row.first_index))
}
