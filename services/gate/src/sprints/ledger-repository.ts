import { TRACKS_MAX, type Verdict } from '@mumega/contracts/gate'
import { CARRIED_HERE_MAX, type Ledger, type LedgerRow } from '@mumega/contracts/gate-ledger'
import type { Finding } from '@mumega/contracts/gate-review'
import type { Knex } from '@mumega/db'

interface SprintKey {
  readonly tenantId: string
  readonly sprintId: string
}

interface CountedRow {
  track_id: string
  title: string
  p0: string
  p1: string
  warn: string
  info: string
  blocks_open: string
  iterations: number
  post_green: string
  post_green_blocks: string
  carries: string
  verdict: Verdict | null
}

/** What was found in each track of a sprint, by the ids of the tracks. */
export async function listCounted(
  trx: Knex.Transaction,
  { tenantId, sprintId }: SprintKey,
): Promise<LedgerRow[]> {
  const found = await trx.raw<{ rows: CountedRow[] }>(
    `select t.track_id, t.title, t.newest_iteration as iterations,
            count(*) filter (where f.severity = 'BLOCK-P0' and not f.post_green) as p0,
            count(*) filter (where f.severity = 'BLOCK-P1' and not f.post_green) as p1,
            count(*) filter (where f.severity = 'WARN' and not f.post_green) as warn,
            count(*) filter (where f.severity = 'INFO' and not f.post_green) as info,
            count(*) filter (where f.severity like 'BLOCK-%'
                               and (c.number is null or c.arrives_in > t.newest_iteration))
              as blocks_open,
            count(*) filter (where f.post_green) as post_green,
            count(*) filter (where f.post_green and f.severity like 'BLOCK-%')
              as post_green_blocks,
            count(c.carried_to) as carries,
            (select v.verdict from verdicts v
              where (v.tenant_id, v.sprint_id, v.track_id, v.iteration)
                  = (t.tenant_id, t.sprint_id, t.track_id, t.newest_iteration)
              order by v.number desc limit 1) as verdict
       from tracks t
       left join findings f using (tenant_id, sprint_id, track_id)
       left join closings c using (tenant_id, sprint_id, track_id, number)
      where t.tenant_id = ? and t.sprint_id = ?
      group by t.tenant_id, t.sprint_id, t.track_id
      order by t.track_id limit ?`,
    [tenantId, sprintId, TRACKS_MAX],
  )
  return found.rows.map((row) => ({
    trackId: row.track_id,
    title: row.title,
    blocks: Number(row.p0) + Number(row.p1),
    bySeverity: {
      'BLOCK-P0': Number(row.p0),
      'BLOCK-P1': Number(row.p1),
      WARN: Number(row.warn),
      INFO: Number(row.info),
    },
    blocksOpen: Number(row.blocks_open),
    iterations: row.iterations,
    postGreen: Number(row.post_green),
    postGreenBlocks: Number(row.post_green_blocks),
    carries: Number(row.carries),
    ...(row.verdict !== null && { verdict: row.verdict }),
  }))
}

/** The first of what other sprints left to this one, and how many there are. */
export async function listCarriedHere(
  trx: Knex.Transaction,
  { tenantId, sprintId }: SprintKey,
): Promise<{ carriedHere: Ledger['carriedHere']; count: number }> {
  const found = await trx.raw<{
    rows: (Pick<Finding, 'number' | 'severity' | 'title'> & {
      sprint_id: string
      track_id: string
      count: string
    })[]
  }>(
    `select sprint_id, track_id, number, f.severity, f.title, count(*) over () as count
       from closings c join findings f using (tenant_id, sprint_id, track_id, number)
      where c.tenant_id = ? and c.carried_to = ?
      order by sprint_id, track_id, number limit ?`,
    [tenantId, sprintId, CARRIED_HERE_MAX],
  )
  const carriedHere = found.rows.map(({ sprint_id, track_id, number, severity, title }) => ({
    ...{ sprintId: sprint_id, trackId: track_id, number, severity, title },
  }))
  return { carriedHere, count: Number(found.rows[0]?.count ?? 0) }
}

/** The counts of a seed. What was found before GREEN was closed by it; nothing more is known. */
export async function listHistoric(
  trx: Knex.Transaction,
  { tenantId, sprintId }: SprintKey,
): Promise<LedgerRow[]> {
  const rows = await trx<{
    tenant_id: string
    sprint_id: string
    track_id: string
    title: string
    blocks: number
    iterations: number
    post_green: number
    verdict: Verdict
  }>('historic_tracks')
    .where({ tenant_id: tenantId, sprint_id: sprintId })
    .orderBy('track_id')
    .limit(TRACKS_MAX)
    .select()
  return rows.map((row) => ({
    trackId: row.track_id,
    title: row.title,
    blocks: row.blocks,
    blocksOpen: 0,
    iterations: row.iterations,
    // Those of a seed are BLOCKs: nothing else was counted.
    postGreen: row.post_green,
    postGreenBlocks: row.post_green,
    carries: 0,
    verdict: row.verdict,
  }))
}
