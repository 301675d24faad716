import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { listShapes } from '@mumega/contracts/gate-shapes'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import type { Gate } from '../gate.ts'
import { listShapes as list } from './shape-repository.ts'

export async function handleListShapes(
  { db }: Gate,
  context: CallContext,
  { limit, ...query }: RequestOf<typeof listShapes>,
): Promise<ReplyOf<typeof listShapes>> {
  const page = { tenantId: context.tenantId, ...query, limit: limit + 1 }
  const found = await readAs(db, context, (trx) => list(trx, page))
  const shapes = found.slice(0, limit)
  const last = shapes.at(-1)
  return { shapes, ...(found.length > limit && last !== undefined && { next: last.shapeId }) }
}
