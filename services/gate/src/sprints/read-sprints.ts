import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { TRACKS_MAX, type getSprint, type getTrack, type listSprints } from '@mumega/contracts/gate'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { sprintNotFound, trackNotFound } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { findSprint, listSprints as list } from './sprint-repository.ts'
import { findTrack, listIterations, listTracks, type TrackKey } from './track-repository.ts'

/** @throws gate.sprint-not-found */
export async function handleGetSprint(
  { db }: Gate,
  context: CallContext,
  { sprintId }: RequestOf<typeof getSprint>,
): Promise<ReplyOf<typeof getSprint>> {
  const key = { tenantId: context.tenantId, sprintId }
  return readAs(db, context, async (trx) => {
    const sprint = await findSprint(trx, key)
    if (sprint === undefined) throw sprintNotFound(sprintId)
    const tracks = await listTracks(trx, { ...key, limit: TRACKS_MAX })
    return { ...sprint, tracks: tracks.map(({ findings: _, ...track }) => track) }
  })
}

export async function handleListSprints(
  { db }: Gate,
  context: CallContext,
  { limit, ...query }: RequestOf<typeof listSprints>,
): Promise<ReplyOf<typeof listSprints>> {
  const page = { tenantId: context.tenantId, ...query, limit: limit + 1 }
  const found = await readAs(db, context, (trx) => list(trx, page))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    sprints: listed.map(({ trigger: _, ...sprint }) => sprint),
    ...(found.length > limit && last !== undefined && { next: last.sprintId }),
  }
}

/** @throws gate.track-not-found */
export async function handleGetTrack(
  { db }: Gate,
  context: CallContext,
  { sprintId, trackId }: RequestOf<typeof getTrack>,
): Promise<ReplyOf<typeof getTrack>> {
  const key = { tenantId: context.tenantId, sprintId, trackId }
  return readAs(db, context, (trx) => describeTrack(trx, key))
}

/** @throws gate.track-not-found */
export async function describeTrack(
  trx: Knex.Transaction,
  key: TrackKey,
): Promise<ReplyOf<typeof getTrack>> {
  const stored = await findTrack(trx, key)
  if (stored === undefined) throw trackNotFound(key.sprintId, key.trackId)
  const { findings: _, ...track } = stored
  const iterations = await listIterations(trx, key)
  return {
    ...track,
    iterations: iterations.map(({ submittedAt, verdict, ...one }) => ({
      ...one,
      submittedAt: submittedAt.toISOString(),
      ...(verdict !== undefined && { verdict }),
    })),
  }
}
