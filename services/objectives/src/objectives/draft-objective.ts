import { v7 as uuidv7 } from 'uuid'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  objectiveDrafted,
  objectiveSuperseded,
  OBJECTIVES_MAX,
  VERSIONS_MAX,
  type createObjective,
  type editObjective,
} from '@mumega/contracts/objectives'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, type Outcome } from '@mumega/db/act'
import { countRows } from '@mumega/db/count-rows'
import {
  objectiveNotFound,
  tooManyObjectives,
  tooManyVersions,
  versionConflict,
} from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { contentTextOf } from './content.ts'
import { describeObjective } from './describe-objective.ts'
import {
  changeState,
  findVersionIn,
  insertObjective,
  insertVersion,
  lockObjective,
  lockTree,
  type NewVersion,
} from './objective-repository.ts'
import { checkParent } from './tree.ts'

/**
 * Drafts an objective, once per `requestId`.
 *
 * @throws objectives.invalid-objective, .text-too-large, .invalid-text, .objective-not-found (the
 * parent), .too-many-objectives
 */
export async function handleCreateObjective(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, content }: RequestOf<typeof createObjective>,
): Promise<ReplyOf<typeof createObjective>> {
  const { tenantId, actor } = context
  const text = contentTextOf(tenantId, content)
  const request = { requestId, command: 'create-objective', content: { actor, content } }
  return act(db, { context, clock, request }, async (trx) => {
    await lockTree(trx, tenantId)
    const key = { tenantId, objectiveId: uuidv7() }
    const limit = OBJECTIVES_MAX
    if ((await countRows(trx, 'objectives', { tenantId, limit })) >= limit)
      throw tooManyObjectives(limit)
    await checkParent(trx, key, content.parentId)
    await insertObjective(trx, key)
    return draft(trx, { ...key, version: 1, content, text, at: clock.now(), by: actor.id })
  })
}

/**
 * Drafts another version, once per `requestId`: whoever began with another one than the newest is
 * told so. LOCK-OBJ-2: what was ratified stays as it is, and counts until the new version does.
 *
 * @throws as `handleCreateObjective`, objectives.version-conflict, .too-many-versions
 */
export async function handleEditObjective(
  { db, clock }: Objectives,
  context: CallContext,
  edit: RequestOf<typeof editObjective>,
): Promise<ReplyOf<typeof editObjective>> {
  const { requestId, objectiveId, replacesVersion, content } = edit
  const { tenantId, actor } = context
  const text = contentTextOf(tenantId, content)
  const key = { tenantId, objectiveId }
  const request = {
    ...{ requestId, command: 'edit-objective' },
    content: { actor, objectiveId, replacesVersion, content },
  }
  return act(db, { context, clock, request }, async (trx) => {
    await lockTree(trx, tenantId)
    const newest = await lockObjective(trx, key)
    if (newest === undefined) throw objectiveNotFound(objectiveId)
    if (newest !== replacesVersion) throw versionConflict(newest)
    if (newest >= VERSIONS_MAX) throw tooManyVersions(VERSIONS_MAX)
    await checkParent(trx, key, content.parentId)
    const [at, by] = [clock.now(), actor.id]
    const open = await findVersionIn(trx, key, ['draft', 'proposed'])
    if (open !== undefined) {
      const { version, state } = open
      await changeState(trx, { ...key, version, from: state, to: 'superseded', by, at })
    }
    const drafted = await draft(trx, { ...key, version: newest + 1, content, text, at, by })
    if (open === undefined) return drafted
    const superseded = outgoing(objectiveSuperseded, { ...key, version: open.version })
    return { ...drafted, events: [superseded, ...drafted.events] }
  })
}

async function draft(
  trx: Knex.Transaction,
  added: NewVersion,
): Promise<Outcome<ReplyOf<typeof createObjective>>> {
  await insertVersion(trx, added)
  const { tenantId, objectiveId, version } = added
  const reply = await describeObjective(trx, added, version)
  return {
    reply,
    audit: [
      {
        action: 'objective.drafted',
        target: `objective:${objectiveId}`,
        payload: { version, sha256: reply.sha256 },
      },
    ],
    events: [outgoing(objectiveDrafted, { tenantId, objectiveId, version })],
  }
}
