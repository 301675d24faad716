import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  SPRINT_TITLE_BYTES_MAX,
  trackAdded,
  TRACKS_MAX,
  type addTrack,
} from '@mumega/contracts/gate'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing } from '@mumega/db/act'
import { takeLock } from '@mumega/db/named-lock'
import { limitReached, sprintHistoric, sprintNotFound, trackExists } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { checkText } from '../text.ts'
import { findSprint } from './sprint-repository.ts'
import { insertTrack, listTracks } from './track-repository.ts'

/**
 * @throws gate.sprint-not-found, .sprint-historic, .track-exists, .limit-reached, .text-too-large,
 * .invalid-text
 */
export async function handleAddTrack(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, sprintId, trackId, ...said }: RequestOf<typeof addTrack>,
): Promise<ReplyOf<typeof addTrack>> {
  const { title, author, locks } = said
  checkText('title', title, SPRINT_TITLE_BYTES_MAX)
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId }
  const content = { actor, sprintId, trackId, title, author, locks }
  const request = { requestId, command: 'add-track', content }
  return act(db, { context, clock, request }, async (trx) => {
    await checkWritable(trx, { tenantId, sprintId })
    await takeLock(trx, `tracks/${tenantId}/${sprintId}`)
    const tracks = await listTracks(trx, { tenantId, sprintId, limit: TRACKS_MAX })
    if (tracks.some((track) => track.trackId === trackId)) throw trackExists(trackId)
    if (tracks.length === TRACKS_MAX) throw limitReached('tracks of this sprint', TRACKS_MAX)
    const addedBy = actor.id
    const added = { title, author, locks, addedBy, addedAt: clock.now().toISOString() }
    await insertTrack(trx, key, added)
    return {
      reply: { sprintId, trackId, ...added, newestIteration: 0 },
      audit: [
        {
          action: 'track.added',
          target: `track:${sprintId}/${trackId}`,
          payload: { title, author, locks },
        },
      ],
      events: [outgoing(trackAdded, key)],
    }
  })
}

/** @throws gate.sprint-not-found, gate.sprint-historic */
export async function checkWritable(
  trx: Knex.Transaction,
  key: { tenantId: string; sprintId: string },
): Promise<void> {
  const sprint = await findSprint(trx, key)
  if (sprint === undefined) throw sprintNotFound(key.sprintId)
  if (sprint.origin === 'seed') throw sprintHistoric(key.sprintId)
}
