import type { Knex } from '@mumega/db'
import { newestFirst, type Page } from '../newest-first.ts'
import { FINDING_KINDS, isHalting, type Finding, type FindingKind } from './finding.ts'

export interface RecordedFinding extends Finding {
  readonly findingId: string
  readonly halts: boolean
  readonly occurredAt: Date
  readonly clearedAt?: Date
}

interface FindingRow {
  finding_id: string
  kind: string
  place: string
  expected: string
  found: string
  halts: boolean
  occurred_at: Date
  cleared_at: Date | null
}

type NewFinding = Finding & { readonly findingId: string; readonly occurredAt: Date }

/** Records those that are not on record, or were cleared since. Returns them. */
export async function insertFindings(
  trx: Knex.Transaction,
  findings: readonly NewFinding[],
): Promise<NewFinding[]> {
  const answer = await trx.raw<{ rows: { finding_id: string }[] }>(
    `insert into audit_findings (finding_id, kind, place, expected, found, halts, occurred_at)
     select * from unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::boolean[],
                          ?::timestamptz[])
     on conflict (kind, place) where cleared_at is null do nothing
     returning finding_id`,
    [
      findings.map(({ findingId }) => findingId),
      findings.map(({ kind }) => kind),
      findings.map(({ place }) => place),
      findings.map(({ expected }) => expected),
      findings.map(({ found }) => found),
      findings.map(isHalting),
      findings.map(({ occurredAt }) => occurredAt),
    ],
  )
  const created = new Set(answer.rows.map((row) => row.finding_id))
  return findings.filter(({ findingId }) => created.has(findingId))
}

/** What a whole look did not find again. */
export interface Clearing {
  /** What the look looks for. */
  readonly kinds: readonly FindingKind[]
  /** The look began then: what was recorded since may be new. Absent when it saw one moment. */
  readonly before?: Date
  readonly found: readonly Pick<Finding, 'kind' | 'place'>[]
  readonly clearedAt: Date
}

const CLEARED_MAX = 500

/** Clears at most 500 open findings; returns their ids. */
export async function clearFindings(
  trx: Knex.Transaction,
  { kinds, before, found, clearedAt }: Clearing,
): Promise<string[]> {
  const answer = await trx.raw<{ rows: { finding_id: string }[] }>(
    `update audit_findings set cleared_at = ? where finding_id in (
       select finding_id from audit_findings
        where cleared_at is null and kind = any(?::text[])
          and occurred_at < coalesce(?::timestamptz, 'infinity')
          and (kind, place) not in (select * from unnest(?::text[], ?::text[]))
        order by occurred_at limit ?)
     returning finding_id`,
    [
      clearedAt,
      [...kinds],
      before ?? null,
      found.map(({ kind }) => kind),
      found.map(({ place }) => place),
      CLEARED_MAX,
    ],
  )
  return answer.rows.map((row) => row.finding_id)
}

/** Open findings, and the oldest of those that halt. */
export interface OpenFindings {
  readonly count: number
  readonly halting: number
  /** The oldest halting one, else the oldest. */
  readonly first?: Pick<Finding, 'kind' | 'place'>
}

export async function readOpenFindings(db: Knex): Promise<OpenFindings> {
  const answer = await db.raw<{
    rows: { count: string; halting: string; kind: string | null; place: string | null }[]
  }>(
    `select count(*) as count, count(*) filter (where halts) as halting,
            (array_agg(kind order by not halts, occurred_at, finding_id))[1] as kind,
            (array_agg(place order by not halts, occurred_at, finding_id))[1] as place
       from audit_findings where cleared_at is null`,
  )
  const row = answer.rows[0]
  const { kind, place } = row ?? { kind: null, place: null }
  return {
    count: Number(row?.count),
    halting: Number(row?.halting),
    ...(kind !== null && place !== null && { first: { kind: kindOf(kind), place } }),
  }
}

/** Lists findings, newest first: those of the page, and one more. */
export async function listFindings(trx: Knex.Transaction, page: Page): Promise<RecordedFinding[]> {
  const rows = await trx<FindingRow>('audit_findings').modify<FindingRow, FindingRow[]>(
    newestFirst,
    'finding_id',
    page,
  )
  return rows.map((row) => ({
    findingId: row.finding_id,
    kind: kindOf(row.kind),
    place: row.place,
    expected: row.expected,
    found: row.found,
    halts: row.halts,
    occurredAt: row.occurred_at,
    ...(row.cleared_at !== null && { clearedAt: row.cleared_at }),
  }))
}

function kindOf(text: string): FindingKind {
  if (!Object.hasOwn(FINDING_KINDS, text)) throw new Error(`${text} is no kind of finding`)
  // One of its own keys.
  return text as FindingKind
}
