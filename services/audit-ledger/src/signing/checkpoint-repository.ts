import { decodeFrontier, encodeFrontier, type Frontier } from '@mumega/tlog/merkle'
import { brokenUniqueOf, type Connection } from '../connection.ts'
import { copiedRows } from './copied-rows.ts'
import { Tampered } from './tampered.ts'
import type { FullSubtree } from '../sealing/growing-tree.ts'

/** A checkpoint as it is stored. */
export interface StoredCheckpoint {
  readonly size: number
  readonly root: Buffer
  readonly frontier: Frontier
  readonly note: string
}

/** The signed state of the log after 256 × `anchor` entries. */
export interface Anchor {
  readonly anchor: number
  readonly root: Buffer
  readonly note: string
  readonly previousHash: Buffer
  readonly hash: Buffer
}

/** Bytes of one group commit, as the database gives them back. */
export interface StoredBatch {
  readonly firstIndex: number
  readonly entries: Buffer
  readonly leafHashes: Buffer
}

/** What one signing adds, all of it or nothing. */
export interface Signing {
  /** Size of the checkpoint that this one follows; 0 for the first. */
  readonly previousSize: number
  readonly checkpoint: StoredCheckpoint
  readonly anchors: readonly Anchor[]
  readonly subtrees: readonly FullSubtree[]
  readonly epoch: number
  readonly signedAt: Date
}

/** What the next signature rests on, as it stood at one moment. */
export interface SignedRows {
  readonly head: Frontier
  /** The newest; absent while nothing was signed. */
  readonly checkpoint?: StoredCheckpoint
  /** The newest; absent before the first 256 entries were signed. */
  readonly anchor?: Anchor
}

interface CheckpointRow {
  size: string
  root: Buffer
  frontier: Buffer
  note: string
}

interface AnchorRow {
  anchor: string
  anchor_root: Buffer
  anchor_note: string
  previous_hash: Buffer
  hash: Buffer
}

type Absent<Row> = { [Key in keyof Row]: null }

/**
 * Reads the head and what was signed last. One statement sees one moment, though another ledger may
 * be signing.
 *
 * @throws Tampered when a frontier is torn
 */
export async function readSignedRows(connection: Connection): Promise<SignedRows> {
  type Row = { head: Buffer } & (CheckpointRow | Absent<CheckpointRow>) &
    (AnchorRow | Absent<AnchorRow>)
  const answer = await connection.query<Row>({
    text: `
      select log_head.frontier as head, newest.size, newest.root, newest.frontier, newest.note,
             last.anchor, last.root as anchor_root, last.note as anchor_note, last.previous_hash,
             last.hash
        from log_head
        left join lateral (select * from checkpoints order by size desc limit 1) newest on true
        left join lateral (select * from audit_chain_anchors order by anchor desc limit 1) last
               on true`,
  })
  const row = answer.rows[0]
  if (row === undefined) throw new Error('log_head has no row')
  return {
    head: frontierOf('the head', row.head),
    ...(row.size !== null && { checkpoint: checkpointOf(row) }),
    ...(row.anchor !== null && { anchor: anchorOf(row) }),
  }
}

/** The checkpoint of exactly `size`. @throws Tampered when its frontier is torn */
export async function findCheckpoint(
  connection: Connection,
  size: number,
): Promise<StoredCheckpoint | undefined> {
  const answer = await connection.query<CheckpointRow>({
    text: 'select size, root, frontier, note from checkpoints where size = $1',
    values: [size],
  })
  const row = answer.rows[0]
  return row && checkpointOf(row)
}

function checkpointOf({ size, root, frontier, note }: CheckpointRow): StoredCheckpoint {
  const what = `the checkpoint over ${size} entries`
  return { size: Number(size), root, frontier: frontierOf(what, frontier), note }
}

function anchorOf(row: AnchorRow): Anchor {
  return {
    anchor: Number(row.anchor),
    root: row.anchor_root,
    note: row.anchor_note,
    previousHash: row.previous_hash,
    hash: row.hash,
  }
}

function frontierOf(what: string, bytes: Buffer): Frontier {
  try {
    return decodeFrontier(bytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Tampered(`the frontier of ${what} is torn`)
  }
}

/**
 * Reads the batches from the one that holds `begin` on, or behind it where none does, that start
 * before `end`. By COPY: a query's answer would bring each byte as two hex digits, which cost both
 * sides more than hashing what they say.
 */
export async function readBatches(
  connection: Connection,
  range: { begin: number; end: number },
): Promise<StoredBatch[]> {
  const [begin, end] = [BigInt(range.begin), BigInt(range.end)]
  const bytes = await connection.copyOut(
    `copy (select first_index, entries, leaf_hashes from event_batches
            where first_index >= coalesce((select max(first_index) from event_batches
                                            where first_index <= ${begin}), 0)
              and first_index < ${end} order by first_index)
       to stdout (format binary)`,
  )
  return copiedRows(bytes).map(([firstIndex, entries, leafHashes]) => {
    if (firstIndex === undefined || entries === undefined || leafHashes === undefined) {
      throw new Error('a copied batch has three fields')
    }
    return { firstIndex: Number(firstIndex.readBigInt64BE()), entries, leafHashes }
  })
}

// The checkpoint is stored only behind the one that was newest when it was made, under the epoch
// that sealed its entries; everything else only with it.
const INSERT = `
  with signed as (
    insert into checkpoints (size, previous_size, root, frontier, note, epoch, signed_at)
    select $1, nullif($2::bigint, 0), $3, $4, $5, $6, $7 from log_head
     where log_head.epoch = $6 and log_head.size >= $1
       -- Locked, so that nobody begins another epoch before this is stored.
       for share of log_head
    returning size),
  anchored as (
    insert into audit_chain_anchors
           (anchor, from_index, to_index, root, note, previous_hash, hash, signed_at)
    select anchor, 256 * (anchor - 1), 256 * anchor - 1, root, note, previous_hash, hash, $7
      from signed, unnest($8::int8[], $9::bytea[], $10::text[], $11::bytea[], $12::bytea[])
           as made (anchor, root, note, previous_hash, hash)),
  filled as (
    insert into subtrees (level, position, hash)
    select made.* from signed, unnest($13::int2[], $14::int8[], $15::bytea[]) as made)
  select count(*)::int as signed from signed`

/** Stores one signing. False when somebody else has signed since, or holds the epoch. */
export async function insertSigning(connection: Connection, signing: Signing): Promise<boolean> {
  const { checkpoint, anchors, subtrees } = signing
  const values = [
    checkpoint.size,
    signing.previousSize,
    checkpoint.root,
    encodeFrontier(checkpoint.frontier),
    checkpoint.note,
    signing.epoch,
    signing.signedAt,
    anchors.map(({ anchor }) => anchor),
    anchors.map(({ root }) => root),
    anchors.map(({ note }) => note),
    anchors.map(({ previousHash }) => previousHash),
    anchors.map(({ hash }) => hash),
    subtrees.map(({ level }) => level),
    subtrees.map(({ position }) => position),
    subtrees.map(({ hash }) => hash),
  ]
  try {
    const answer = await connection.query<{ signed: number }>({
      name: 'insert-signing',
      text: INSERT,
      values,
    })
    return answer.rows[0]?.signed === 1
  } catch (error) {
    if (brokenUniqueOf(error) === undefined) throw error
    return false
  }
}
