import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  BRIEFING_FINDINGS_MAX,
  type BriefedShape,
  type getBriefing,
  OF_SUBSTRATE,
} from '@mumega/contracts/gate-shapes'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { GATE_CONTEXT, type Gate } from '../gate.ts'
import { listFindingsOf, listShapes } from './shape-repository.ts'

interface Page {
  readonly surface: string
  readonly limit: number
  readonly after: string | undefined
}

/**
 * What a new piece of work on a surface has to consider, with where it was found last: what went
 * wrong for the tenant, and what the substrate knows.
 */
export async function handleGetBriefing(
  gate: Gate,
  context: CallContext,
  { surface, limit, after }: RequestOf<typeof getBriefing>,
): Promise<ReplyOf<typeof getBriefing>> {
  const isPastOwn = after?.startsWith(OF_SUBSTRATE) === true
  // One more than is shown says that there is more.
  const most = limit + 1
  const own = isPastOwn ? [] : await briefOwn(gate, context, { surface, after, limit: most })
  const isAll = context.tenantId === SUBSTRATE || own.length === most
  const common = isAll
    ? []
    : await briefCommon(gate, {
        ...{ surface, limit: most - own.length },
        after: isPastOwn ? after.slice(OF_SUBSTRATE.length) : undefined,
      })
  const found = [...own, ...common]
  const shapes = found.slice(0, limit)
  const last = shapes.at(-1)
  return {
    ...{ surface, shapes },
    ...(found.length > limit && last !== undefined && { next: placeOf(last) }),
  }
}

async function briefOwn({ db }: Gate, context: CallContext, page: Page): Promise<BriefedShape[]> {
  const { tenantId } = context
  return readAs(db, context, async (trx) => {
    const shapes = await listShapes(trx, { tenantId, ...page })
    const shapeIds = shapes.map(({ shapeId }) => shapeId)
    const limit = BRIEFING_FINDINGS_MAX
    const findings = await listFindingsOf(trx, { tenantId, shapeIds, limit })
    return shapes.map((shape) => ({
      ...{ ...shape, of: 'own' as const },
      findings: findings.get(shape.shapeId) ?? [],
    }))
  })
}

async function briefCommon({ db }: Gate, page: Page): Promise<BriefedShape[]> {
  const shapes = await readAs(db, GATE_CONTEXT, (trx) =>
    listShapes(trx, { tenantId: SUBSTRATE, isDefined: true, ...page }),
  )
  return shapes.map(({ note: _, ...shape }) => ({
    ...{ ...shape, of: 'substrate' },
    ...{ historic: [], findings: [] },
  }))
}

function placeOf({ of, shapeId }: BriefedShape): string {
  return of === 'substrate' ? `${OF_SUBSTRATE}${shapeId}` : shapeId
}
