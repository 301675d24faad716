import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import {
  OPEN_WORK_MAX,
  WORK_TITLE_BYTES_MAX,
  workChanged,
  type putWork,
} from '@mumega/contracts/work'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged, type Outcome } from '@mumega/db/act'
import { countRows } from '@mumega/db/count-rows'
import { takeLock } from '@mumega/db/named-lock'
import { objectiveNotFound, tooMuchWork } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { findVersions } from '../objectives/objective-repository.ts'
import { checkText } from '../text.ts'
import { describeWork } from './read-work.ts'
import { findWork, saveWork, type StoredWork } from './work-repository.ts'

/**
 * Says what some work is now, once per `requestId`; who says what is on record changes nothing. Any
 * objective of the tenant may be named, also one that does not count yet: until it does, that is
 * drift.
 *
 * @throws objectives.invalid-text, .text-too-large, .objective-not-found, .too-much-work
 */
export async function handlePutWork(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, ...put }: RequestOf<typeof putWork>,
): Promise<ReplyOf<typeof putWork>> {
  const { tenantId, actor } = context
  const { kind, workId, title, state, objectiveId } = put
  checkText('title', title, WORK_TITLE_BYTES_MAX)
  const request = { requestId, command: 'put-work', content: { actor, ...put } }
  return act(db, { context, clock, request }, async (trx) => {
    // One at a time in a tenant: they count before they open.
    await takeLock(trx, `work/${tenantId}`)
    const now = clock.now()
    const known = await findWork(trx, { tenantId, kind, workId, now })
    if (known !== undefined && isSame(known, { title, state, objectiveId })) {
      return unchanged(describeWork(known))
    }
    await checkObjective(trx, tenantId, objectiveId)
    if (state === 'open' && known?.state !== 'open') await checkRoom(trx, tenantId)
    // A clock may have been set back.
    const at = new Date(Math.max(now.getTime(), known?.openedAt.getTime() ?? 0))
    await saveWork(trx, {
      ...{ tenantId, kind, workId, title, state, objectiveId },
      ...{ openedAt: known?.openedAt ?? at, openedBy: known?.openedBy ?? actor.id },
      ...{ changedAt: at, changedBy: actor.id },
      closedAt: state === 'open' ? undefined : closedAt(known, at),
    })
    const saved = await findWork(trx, { tenantId, kind, workId, now: at })
    if (saved === undefined) throw new TypeError('work is there once it is saved')
    return outcomeOf(tenantId, saved)
  })
}

type Said = Pick<StoredWork, 'title' | 'state' | 'objectiveId'>

function isSame(known: StoredWork, { title, state, objectiveId }: Said): boolean {
  return known.title === title && known.state === state && known.objectiveId === objectiveId
}

/** Work that has ended stays ended since then, whatever else is said of it. */
function closedAt(known: StoredWork | undefined, at: Date): Date {
  return known?.closedAt ?? at
}

async function checkObjective(
  trx: Knex.Transaction,
  tenantId: string,
  objectiveId: string | undefined,
): Promise<void> {
  if (objectiveId === undefined) return
  const found = await findVersions(trx, { tenantId, objectiveId })
  if (found === undefined) throw objectiveNotFound(objectiveId)
}

async function checkRoom(trx: Knex.Transaction, tenantId: string): Promise<void> {
  const limit = OPEN_WORK_MAX
  const open = { tenantId, limit, where: { state: 'open' } }
  if ((await countRows(trx, 'work_items', open)) >= limit) throw tooMuchWork(limit)
}

function outcomeOf(tenantId: string, saved: StoredWork): Outcome<ReplyOf<typeof putWork>> {
  const { kind, workId, title, state, objectiveId } = saved
  const tie = objectiveId !== undefined && { objectiveId }
  return {
    reply: describeWork(saved),
    audit: [
      {
        action: 'work.changed',
        target: `${kind}:${workId}`,
        payload: { title, state, ...tie },
      },
    ],
    events: [outgoing(workChanged, { tenantId, kind, workId, state, ...tie })],
  }
}
