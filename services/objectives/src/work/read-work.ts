import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { getWork, listWork, readDrift, Work, WorkKind } from '@mumega/contracts/work'
import { readAs } from '@mumega/db/act'
import { workNotFound } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { countWork, listUnattended } from './drift-repository.ts'
import { findWork, listWorkAfter, type StoredWork } from './work-repository.ts'

const DAY_MS = 86_400_000

/** @throws objectives.work-not-found */
export async function handleGetWork(
  { db, clock }: Objectives,
  context: CallContext,
  key: RequestOf<typeof getWork>,
): Promise<ReplyOf<typeof getWork>> {
  const { tenantId } = context
  const found = await readAs(db, context, (trx) =>
    findWork(trx, { tenantId, ...key, now: clock.now() }),
  )
  if (found === undefined) throw workNotFound(key.kind, key.workId)
  return describeWork(found)
}

export async function handleListWork(
  { db, clock }: Objectives,
  context: CallContext,
  { limit, after, ...conditions }: RequestOf<typeof listWork>,
): Promise<ReplyOf<typeof listWork>> {
  const page = {
    ...{ tenantId: context.tenantId, now: clock.now(), limit: limit + 1 },
    ...{ ...conditions, after: after === undefined ? undefined : keyOf(after) },
  }
  const found = await readAs(db, context, (trx) => listWorkAfter(trx, page))
  const work = found.slice(0, limit)
  const last = work.at(-1)
  return {
    work: work.map(describeWork),
    ...(found.length > limit && last !== undefined && { next: `${last.kind}:${last.workId}` }),
  }
}

/** Counts as of now what is open, and as of its end what was closed within the days. */
export async function handleReadDrift(
  { db, clock }: Objectives,
  context: CallContext,
  { days }: RequestOf<typeof readDrift>,
): Promise<ReplyOf<typeof readDrift>> {
  const now = clock.now()
  const asked = {
    ...{ tenantId: context.tenantId, now },
    since: new Date(now.getTime() - days * DAY_MS),
  }
  return readAs(db, context, async (trx) => {
    const counted = await countWork(trx, asked)
    const { objectives, count } = await listUnattended(trx, asked)
    return {
      ...{ asOf: now.toISOString(), days, ...counted },
      ...{ unattended: objectives, unattendedCount: count },
    }
  })
}

export function describeWork(stored: StoredWork): Work {
  const { kind, workId, title, state, objectiveId, drift, closedAt } = stored
  return {
    ...{ kind, workId, title, state },
    ...(objectiveId !== undefined && { objectiveId }),
    ...(drift !== undefined && { drift }),
    ...{ openedAt: stored.openedAt.toISOString(), openedBy: stored.openedBy },
    ...{ changedAt: stored.changedAt.toISOString(), changedBy: stored.changedBy },
    ...(closedAt !== undefined && { closedAt: closedAt.toISOString() }),
  }
}

function keyOf(cursor: string): { kind: WorkKind; workId: string } {
  const end = cursor.indexOf(':')
  // The contract's pattern lets nothing else stand before it.
  return { kind: cursor.slice(0, end) as WorkKind, workId: cursor.slice(end + 1) }
}
