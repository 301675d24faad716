import type { Track, Verdict } from '@mumega/contracts/gate'
import type { Knex } from '@mumega/db'

/** Names one track of a tenant. */
export interface TrackKey {
  readonly tenantId: string
  readonly sprintId: string
  readonly trackId: string
}

export interface IterationKey extends TrackKey {
  readonly iteration: number
}

interface TrackRow {
  tenant_id: string
  sprint_id: string
  track_id: string
  title: string
  author: string
  locks: string[]
  added_by: string
  added_at: Date
  newest_iteration: number
  findings: number
  verdict: Verdict | null
}

/** With how many findings it has. */
export type StoredTrack = Track & { readonly findings: number }

export interface StoredIteration {
  readonly iteration: number
  readonly commit: string
  readonly submittedBy: string
  readonly submittedAt: Date
  /** The last one of it. */
  readonly verdict: Verdict | undefined
}

const SELECT_TRACKS = `
  select t.*, (select v.verdict from verdicts v
                where (v.tenant_id, v.sprint_id, v.track_id, v.iteration)
                    = (t.tenant_id, t.sprint_id, t.track_id, t.newest_iteration)
                order by v.number desc limit 1) as verdict
    from tracks t`

export function columnsOf({ tenantId, sprintId, trackId }: TrackKey) {
  return { tenant_id: tenantId, sprint_id: sprintId, track_id: trackId }
}

/** Needs that the sprint has none of this id. */
export async function insertTrack(
  trx: Knex.Transaction,
  key: TrackKey,
  track: Pick<Track, 'title' | 'author' | 'locks' | 'addedBy' | 'addedAt'>,
): Promise<void> {
  const { title, author, locks, addedBy, addedAt } = track
  await trx('tracks').insert({
    ...{ ...columnsOf(key), title, author, locks, added_by: addedBy, added_at: addedAt },
  })
}

/** Of a sprint, sorted by their ids. */
export async function listTracks(
  trx: Knex.Transaction,
  { tenantId, sprintId, limit }: Omit<TrackKey, 'trackId'> & { limit: number },
): Promise<StoredTrack[]> {
  const found = await trx.raw<{ rows: TrackRow[] }>(
    `${SELECT_TRACKS} where t.tenant_id = ? and t.sprint_id = ? order by t.track_id limit ?`,
    [tenantId, sprintId, limit],
  )
  return found.rows.map(trackOf)
}

export async function findTrack(
  trx: Knex.Transaction,
  { tenantId, sprintId, trackId }: TrackKey,
): Promise<StoredTrack | undefined> {
  const found = await trx.raw<{ rows: TrackRow[] }>(
    `${SELECT_TRACKS} where t.tenant_id = ? and t.sprint_id = ? and t.track_id = ?`,
    [tenantId, sprintId, trackId],
  )
  return found.rows.map(trackOf)[0]
}

/** As `findTrack`; nothing is added to the track until `trx` ends. */
export async function lockTrack(
  trx: Knex.Transaction,
  key: TrackKey,
): Promise<StoredTrack | undefined> {
  await trx.raw(
    `select from tracks where tenant_id = ? and sprint_id = ? and track_id = ?
        for no key update`,
    [key.tenantId, key.sprintId, key.trackId],
  )
  // By a statement after it, which sees what was committed while it waited.
  return findTrack(trx, key)
}

/** The oldest first. */
export async function listIterations(
  trx: Knex.Transaction,
  { tenantId, sprintId, trackId }: TrackKey,
): Promise<StoredIteration[]> {
  const found = await trx.raw<{
    rows: {
      iteration: number
      commit_hash: string
      submitted_by: string
      submitted_at: Date
      verdict: Verdict | null
    }[]
  }>(
    `select i.*, (select v.verdict from verdicts v
                   where (v.tenant_id, v.sprint_id, v.track_id, v.iteration)
                       = (i.tenant_id, i.sprint_id, i.track_id, i.iteration)
                   order by v.number desc limit 1) as verdict
       from iterations i
      where i.tenant_id = ? and i.sprint_id = ? and i.track_id = ?
      order by i.iteration`,
    [tenantId, sprintId, trackId],
  )
  return found.rows.map((row) => ({
    iteration: row.iteration,
    commit: row.commit_hash,
    submittedBy: row.submitted_by,
    submittedAt: row.submitted_at,
    verdict: row.verdict ?? undefined,
  }))
}

/** Adds the next iteration. Needs the track's lock. */
export async function insertIteration(
  trx: Knex.Transaction,
  key: IterationKey,
  { commit, by, at }: { commit: string; by: string; at: Date },
): Promise<void> {
  const { iteration } = key
  await trx('iterations').insert({
    ...{ ...columnsOf(key), iteration, commit_hash: commit, submitted_by: by, submitted_at: at },
  })
  await trx('tracks').where(columnsOf(key)).update({ newest_iteration: iteration })
}

/** As whom anybody acted who did work on the track, its author apart. */
export async function listWorkers(
  trx: Knex.Transaction,
  { tenantId, sprintId, trackId }: TrackKey,
): Promise<string[]> {
  const found = await trx.raw<{ rows: { worker: string }[] }>(
    `select submitted_by as worker from iterations
      where tenant_id = :tenantId and sprint_id = :sprintId and track_id = :trackId
     union
     select closed_by from closings
      where tenant_id = :tenantId and sprint_id = :sprintId and track_id = :trackId
        and carried_to is null`,
    { tenantId, sprintId, trackId },
  )
  return found.rows.map((row) => row.worker)
}

function trackOf(row: TrackRow): StoredTrack {
  return {
    sprintId: row.sprint_id,
    trackId: row.track_id,
    title: row.title,
    author: row.author,
    locks: row.locks,
    addedBy: row.added_by,
    addedAt: row.added_at.toISOString(),
    newestIteration: row.newest_iteration,
    ...(row.verdict !== null && { verdict: row.verdict }),
    findings: row.findings,
  }
}
