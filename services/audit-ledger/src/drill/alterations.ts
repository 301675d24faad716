import type { Client } from 'pg'
import type { Finding } from '../scrubbing/finding.ts'
import { guardsOf } from '../scrubbing/guard-check.ts'

/** One value of the copy that is altered on purpose, and put back. */
export interface Alteration {
  /** For people. */
  readonly what: string
  /** What the scrubber must say of it. */
  readonly finds: Pick<Finding, 'kind' | 'place'>
  /** Statements of one transaction each. */
  readonly change: readonly string[]
  readonly undo: readonly string[]
}

/** What the log has that can be altered. */
interface Subject {
  /** An entry in the middle of what is signed, of which the payload was not erased. */
  readonly entry: number
  /** The batch that it stands in, of so many entries. */
  readonly batch: number
  readonly count: number
  readonly source: string
  readonly id: string
  readonly chain: string
  /** The size of an old checkpoint; the newest where there is only one. */
  readonly checkpoint: number
  /** Undefined before there are any. */
  readonly anchor: number | undefined
}

/** Undefined where nothing is signed yet. */
async function readSubject(copy: Client): Promise<Subject | undefined> {
  const answer = await copy.query<Record<keyof Subject, string | null>>(
    `with signed as (select max(size) as size from checkpoints)
     select log_index as entry, first_index as batch, count, source, id, chain,
            (select size from checkpoints order by abs(size - log_index), size limit 1) as checkpoint,
            (select max(anchor) / 2 + 1 from audit_chain_anchors) as anchor
       from signed join lateral (
              select * from event_keys
               where log_index >= signed.size / 2 and log_index < signed.size
                 and not exists (select from redactions
                                  where redactions.log_index = event_keys.log_index)
               order by log_index limit 1) event_keys on true
       join lateral (select first_index, count from event_batches where first_index <= log_index
                      order by first_index desc limit 1) batch on true`,
  )
  const [row] = answer.rows
  if (row === undefined) return undefined
  return {
    entry: Number(row.entry),
    batch: Number(row.batch),
    count: Number(row.count),
    source: String(row.source),
    id: String(row.id),
    chain: String(row.chain),
    checkpoint: Number(row.checkpoint),
    anchor: row.anchor === null ? undefined : Number(row.anchor),
  }
}

/** Rows of a table, and what is done to them: `set …`, or their removal. */
interface RowChange {
  readonly table: string
  /** Its primary key, or what else names a row. */
  readonly key: string
  readonly where: string
  readonly set?: string
}

/** As whoever holds the cluster does it: the guards are away for a moment that nobody else sees. */
function rowChange({ table, key, where, set }: RowChange): Pick<Alteration, 'change' | 'undo'> {
  const guard = (mode: string): string[] =>
    guardsOf(table).map((trigger) => `alter table ${table} ${mode} trigger ${trigger}`)
  const around = (...statements: string[]): string[] => [
    // Foreign keys: what refers to a row that is removed stays.
    'set local session_replication_role = replica',
    ...guard('disable'),
    ...statements,
    ...guard('enable always'),
  ]
  const change = set === undefined ? 'delete from' : 'update'
  return {
    change: around(
      `create temporary table kept as select * from ${table} where ${where}`,
      `${change} ${table} ${set === undefined ? '' : `set ${set}`} where ${where}`,
    ),
    undo: around(
      `delete from ${table} where (${key}) in (select ${key} from kept)`,
      `insert into ${table} select * from kept`,
      'drop table kept',
    ),
  }
}

const flip = (column: string, at: string): string =>
  `${column} = set_byte(${column}, ${at}, get_byte(${column}, ${at}) # 1)`

/**
 * The kinds of alterations that the log offers, and those that it does not yet, with the reason.
 * Undefined where nothing is signed yet.
 */
export async function listAlterations(
  copy: Client,
): Promise<{ able: Alteration[]; unable: { what: string; why: string }[] } | undefined> {
  const subject = await readSubject(copy)
  if (subject === undefined) return undefined
  const able = [...ofEntries(subject, copy), ...ofHeads(subject, copy)]
  const { anchor } = subject
  if (anchor !== undefined) return { able: [...able, ...ofAnchors(anchor)], unable: [] }
  const why = 'the log has none before its first 256 entries'
  return { able, unable: ['an anchor', 'a subtree’s hash'].map((what) => ({ what, why })) }
}

function ofEntries(subject: Subject, copy: Client): Alteration[] {
  const { entry, batch, count, source, id } = subject
  const nth = entry - batch
  const batchOf = { key: 'first_index', where: `first_index = ${batch}` }
  const keyOf = {
    key: 'source, id',
    where: `source = ${copy.escapeLiteral(source)} and id = ${copy.escapeLiteral(id)}`,
  }
  const [place, keyPlace] = [`entry ${entry}`, `key ${source}/${id}`]
  return [
    {
      what: 'a bit of an entry',
      finds: { kind: 'entry-altered', place },
      // Behind its length, within its first key.
      ...rowChange({
        ...{ table: 'event_batches', ...batchOf },
        set: flip('entries', `offset_at(offsets, ${nth}) + 4`),
      }),
    },
    {
      what: 'a leaf hash',
      finds: { kind: 'leaf-hash-altered', place },
      ...rowChange({
        ...{ table: 'event_batches', ...batchOf },
        set: flip('leaf_hashes', `${32 * nth + 7}`),
      }),
    },
    {
      what: 'a payload',
      finds: { kind: 'payload-altered', place },
      ...rowChange({
        ...{ table: 'payload_batches', ...batchOf },
        set: flip('payloads', `offset_at(offsets, ${nth})`),
      }),
    },
    {
      what: 'a key row',
      finds: { kind: 'key-altered', place: keyPlace },
      ...rowChange({ table: 'event_keys', ...keyOf, set: 'log_index = log_index + 1' }),
    },
    {
      what: 'a removed key row',
      finds: { kind: 'key-missing', place: keyPlace },
      ...rowChange({ table: 'event_keys', ...keyOf }),
    },
    {
      what: 'a removed batch of entries',
      finds: { kind: 'entries-missing', place: `entries ${batch} to ${batch + count - 1}` },
      ...rowChange({ table: 'event_batches', ...batchOf }),
    },
  ]
}

function ofHeads({ chain, checkpoint }: Subject, copy: Client): Alteration[] {
  return [
    {
      what: 'an old checkpoint',
      finds: { kind: 'checkpoint-altered', place: `checkpoint ${checkpoint}, root` },
      ...rowChange({
        ...{ table: 'checkpoints', key: 'size', where: `size = ${checkpoint}` },
        set: flip('root', '5'),
      }),
    },
    {
      what: 'a chain’s head',
      finds: { kind: 'chain-head-altered', place: `chain ${chain}` },
      ...rowChange({
        ...{ table: 'chains', key: 'chain', where: `chain = ${copy.escapeLiteral(chain)}` },
        set: flip('head', '5'),
      }),
    },
    {
      what: 'a guard switched off',
      finds: { kind: 'guard-altered', place: 'guard written_once of checkpoints' },
      change: ['alter table checkpoints disable trigger written_once'],
      undo: ['alter table checkpoints enable always trigger written_once'],
    },
  ]
}

function ofAnchors(anchor: number): Alteration[] {
  const position = anchor - 1
  return [
    {
      what: 'an anchor',
      finds: { kind: 'anchor-altered', place: `anchor ${anchor}, hash` },
      ...rowChange({
        ...{ table: 'audit_chain_anchors', key: 'anchor', where: `anchor = ${anchor}` },
        set: flip('hash', '5'),
      }),
    },
    {
      what: 'a subtree’s hash',
      finds: { kind: 'subtree-altered', place: `subtree 1/${position}` },
      ...rowChange({
        ...{ table: 'subtrees', key: 'level, position' },
        ...{ where: `level = 1 and position = ${position}`, set: flip('hash', '5') },
      }),
    },
  ]
}
