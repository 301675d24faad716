import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type {
  getObjective,
  listObjectiveChanges,
  listObjectives,
  ObjectiveSummary,
} from '@mumega/contracts/objectives'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { objectiveNotFound } from '../errors.ts'
import type { Objectives } from '../objectives.ts'
import { describeObjective } from './describe-objective.ts'
import { listChangesBefore, listVersions } from './list-repository.ts'
import { findVersions, type StoredVersion } from './objective-repository.ts'

/** @throws objectives.objective-not-found */
export async function handleGetObjective(
  { db }: Objectives,
  context: CallContext,
  { objectiveId, version }: RequestOf<typeof getObjective>,
): Promise<ReplyOf<typeof getObjective>> {
  const key = { tenantId: context.tenantId, objectiveId }
  return readAs(db, context, (trx) => describeObjective(trx, key, version))
}

export async function handleListObjectives(
  { db }: Objectives,
  context: CallContext,
  query: RequestOf<typeof listObjectives>,
): Promise<ReplyOf<typeof listObjectives>> {
  const { limit, after, state, parentId, owner, tag } = query
  const { tenantId } = context
  const page = { tenantId, after, state, parentId, owner, tag, limit: limit + 1 }
  const found = await readAs(db, context, (trx) => listVersions(trx, page))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    objectives: listed.map(summaryOf),
    ...(found.length > limit && last !== undefined && { next: last.objectiveId }),
  }
}

function summaryOf({ content, objections: _, ...version }: StoredVersion): ObjectiveSummary {
  const { title, owner, parentId, period, tags, keyResults } = content
  return {
    ...version,
    ...{ title, owner, period },
    createdAt: version.createdAt.toISOString(),
    ...(parentId !== undefined && { parentId }),
    ...(tags !== undefined && { tags }),
    keyResults: keyResults.length,
  }
}

/** @throws objectives.objective-not-found */
export async function handleListObjectiveChanges(
  { db }: Objectives,
  context: CallContext,
  query: RequestOf<typeof listObjectiveChanges>,
): Promise<ReplyOf<typeof listObjectiveChanges>> {
  const { objectiveId, limit, before = String(Number.MAX_SAFE_INTEGER) } = query
  const key = { tenantId: context.tenantId, objectiveId }
  return readAs(db, context, async (trx) => {
    if ((await findVersions(trx, key)) === undefined) throw objectiveNotFound(objectiveId)
    const found = await listChangesBefore(trx, { ...key, before, limit: limit + 1 })
    const listed = found.slice(0, limit)
    const last = listed.at(-1)
    return {
      changes: listed.map(({ number: _, from, at, ...change }) => ({
        ...{ objectiveId, ...change },
        ...(from !== undefined && { from }),
        at: at.toISOString(),
      })),
      ...(found.length > limit && last !== undefined && { next: String(last.number) }),
    }
  })
}
