import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '@mumega/config/clock'
import { findingCleared, findingRecorded } from '@mumega/contracts/audit-findings'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged, type AuditRecord } from '@mumega/db/act'
import { clearFindings, insertFindings, type Clearing } from './finding-repository.ts'
import { isHalting, type Finding } from './finding.ts'

/** Where findings are put on record: each with an event, and an audit intent of its own. */
export interface FindingRecord {
  /** Resolves, when all are committed, with those that were not on record already. */
  record(findings: readonly Finding[]): Promise<Finding[]>
  /** Clears what a whole look did not find again. Returns how many. */
  clear(end: Omit<Clearing, 'clearedAt'>): Promise<number>
  /** Remembers from which checkpoint the pass that is under way can go on; 0 for none. */
  keepCheckpoint(size: number): Promise<void>
  /** Remembers that there were so many drops at least; fewer than it knows of change nothing. */
  keepDrops(count: number): Promise<void>
}

const CONTEXT = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:audit-ledger', kind: 'service' },
} as const

// Of one transaction: an act may record 2,000 rows, and each finding is two.
const RECORDS_MAX = 500

/** @param db a pool that no reader can fill */
export function openFindingRecord(db: Knex, clock: Clock): FindingRecord {
  async function write(some: readonly Finding[]): Promise<Finding[]> {
    const occurredAt = clock.now()
    const named = some.map((finding) => ({ ...finding, findingId: uuidv7(), occurredAt }))
    return act(db, { context: CONTEXT, clock }, async (trx) => {
      const created = await insertFindings(trx, named)
      if (created.length === 0) return unchanged<Finding[]>([])
      const audit: AuditRecord[] = created.map(({ findingId, ...finding }) => ({
        action: 'audit.finding-recorded',
        target: `finding:${findingId}`,
        payload: payloadOf(finding),
      }))
      const events = created.map(({ findingId, ...finding }) =>
        outgoing(findingRecorded, { findingId, ...payloadOf(finding) }),
      )
      return { reply: created, audit, events }
    })
  }

  return {
    async record(findings) {
      const created: Finding[] = []
      for (let at = 0; at < findings.length; at += RECORDS_MAX) {
        created.push(...(await write(findings.slice(at, at + RECORDS_MAX))))
      }
      return created
    },
    clear: (end) =>
      act(db, { context: CONTEXT, clock }, async (trx) => {
        const cleared = await clearFindings(trx, { ...end, clearedAt: clock.now() })
        if (cleared.length === 0) return unchanged(0)
        const audit: AuditRecord[] = cleared.map((findingId) => ({
          action: 'audit.finding-cleared',
          target: `finding:${findingId}`,
          payload: { findingId },
        }))
        const events = cleared.map((findingId) => outgoing(findingCleared, { findingId }))
        return { reply: cleared.length, audit, events }
      }),
    async keepCheckpoint(size) {
      await db('scrub_progress').update({ checkpoint_size: size })
    },
    async keepDrops(count) {
      await db.raw('update scrub_progress set drops_seen = :count where drops_seen < :count', {
        count,
      })
    },
  }
}

function payloadOf(finding: Finding) {
  const { kind, place, expected, found } = finding
  return { kind, place, expected, found, halts: isHalting(finding) }
}
