import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { BRIEFING_FINDINGS_MAX, type getBriefing } from '@mumega/contracts/gate-shapes'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Gate } from '../gate.ts'
import { listFindingsOf, listShapes } from './shape-repository.ts'

/** What a new piece of work on a surface has to consider, with where it was found last. */
export async function handleGetBriefing(
  { db }: Gate,
  context: CallContext,
  { surface, limit, ...query }: RequestOf<typeof getBriefing>,
): Promise<ReplyOf<typeof getBriefing>> {
  const { tenantId } = context
  return readAs(db, context, async (trx) => {
    const found = await listShapes(trx, { tenantId, surface, ...query, limit: limit + 1 })
    const shapes = found.slice(0, limit)
    const shapeIds = shapes.map(({ shapeId }) => shapeId)
    const findings = await listFindingsOf(trx, {
      ...{ tenantId, shapeIds, limit: BRIEFING_FINDINGS_MAX },
    })
    const last = shapeIds.at(-1)
    return {
      surface,
      shapes: shapes.map((shape) => ({ ...shape, findings: findings.get(shape.shapeId) ?? [] })),
      ...(found.length > limit && last !== undefined && { next: last }),
    }
  })
}
