import { randomUUID } from 'node:crypto'
import type { KeyResult } from '@mumega/contracts/objective-content'
import type { Knex } from '@mumega/db'
import { eventually } from '@mumega/testkit'
import type { Signer } from '@mumega/tlog/note'
import { lookOnce } from '../src/progress/mizan.ts'
import { newSigner, type TestObjectives } from './given.ts'
import { keyResult } from './given-objectives.ts'

export const SIGNERS = ['agent.athena', 'agent.mizan', 'agent.kasra'].map(newSigner)

export function signer({ signers }: TestObjectives, name: string): Signer {
  const found = signers.get(name)
  if (found === undefined) throw new Error(`${name} is no principal here`)
  return found
}

export interface GivenEngram {
  tenantId?: string
  kind?: string
  tags?: string[]
  measures?: Record<string, number>
  tier?: string
  at?: string
  expiresAt?: string
}

/** As if they had been recorded, in this order. */
export async function givenEngrams(admin: Knex, all: readonly GivenEngram[]): Promise<void> {
  await unguarded(admin, (trx) =>
    trx.batchInsert(
      'engrams',
      all.map(({ tenantId = 'acme', kind = 'payment', ...one }) => ({
        ...{ tenant_id: tenantId, engram_id: randomUUID(), kind, body: 'said' },
        ...{ measures: JSON.stringify(one.measures ?? {}), tags: one.tags ?? [] },
        ...{ tier: one.tier ?? 'public', recorded_by: 'agent:kasra', nonce: 'n'.repeat(22) },
        circle: ['squad', 'project', 'entity'].includes(one.tier ?? '') ? 'core' : null,
        observed_at: one.at ?? '2126-10-10T00:00:00Z',
        recorded_at: one.at ?? '2126-10-10T00:00:00Z',
        expires_at: one.expiresAt ?? null,
      })),
      500,
    ),
  )
}

/** Changes what is on record past every guard, as only a test may. */
export async function unguarded(
  admin: Knex,
  work: (trx: Knex.Transaction) => PromiseLike<unknown>,
): Promise<void> {
  await admin.transaction(async (trx) => {
    await trx.raw('set local session_replication_role = replica')
    await work(trx)
  })
}

/** From this day on the tenant's days are due, each at 02:00 UTC. */
export async function dueFrom(admin: Knex, day: string, tenantId = 'acme'): Promise<void> {
  const due = { next_day: day, next_run_at: `${day}T02:00:00Z`, run_at: '02:00', time_zone: 'UTC' }
  await unguarded(admin, (trx) =>
    trx('progress_schedules').where({ tenant_id: tenantId }).update(due),
  )
}

/** What the service does again and again, once, at this time, until all is computed. */
export async function lookAt({ admin, db }: TestObjectives, at: string): Promise<void> {
  const clock = { now: () => new Date(at), realMs: (ms: number) => ms }
  await lookOnce({ db, clock, mirror: undefined }, new AbortController().signal)
  // The running service may have taken one of the runs.
  const open = () => admin('progress_runs').where({ state: 'running' }).first('day')
  await eventually(async () => (await open()) === undefined, { what: 'every run is done' })
}

export const formulas: readonly KeyResult[] = [
  keyResult({ keyResultId: 'count', formula: { kind: 'count', of: { kinds: ['payment'] } } }),
  keyResult({ keyResultId: 'sum', formula: { kind: 'sum', measure: 'amount', of: {} } }),
  keyResult({ keyResultId: 'latest', formula: { kind: 'latest', measure: 'amount', of: {} } }),
  keyResult({
    keyResultId: 'average',
    formula: { kind: 'average', measure: 'amount', of: { tags: ['eu'] } },
  }),
  keyResult({
    keyResultId: 'ratio',
    formula: {
      kind: 'ratio',
      numerator: { of: { kinds: ['payment'] } },
      denominator: { of: { kinds: ['visit'] } },
    },
  }),
  keyResult({
    keyResultId: 'milestone',
    formula: { kind: 'milestone', of: { kinds: ['launch'] } },
  }),
  keyResult({
    keyResultId: 'week',
    formula: { kind: 'count', of: { kinds: ['payment'], windowDays: 7 } },
  }),
]

/** Every value of a tenant's day, to be compared. */
export async function valuesOf(admin: Knex, tenantId: string, day: string): Promise<unknown[]> {
  const found = await admin.raw<{ rows: unknown[] }>(
    `select objective_id, key_result_id, value, progress, forecast, confidence, standing, engrams
       from progress where tenant_id = ? and day = ? order by objective_id, key_result_id`,
    [tenantId, day],
  )
  return found.rows
}
