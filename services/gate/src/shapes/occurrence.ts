import { shapeNamed, shapeProposed, SHAPES_MAX } from '@mumega/contracts/gate-shapes'
import type { Knex } from '@mumega/db'
import { outgoing, type AuditRecord, type OutgoingEvent } from '@mumega/db/act'
import { countRows } from '@mumega/db/count-rows'
import { limitReached } from '../errors.ts'
import { checkComplete } from './complete.ts'
import {
  findShape,
  insertShape,
  lockShape,
  lockShapes,
  nameShape,
  type NewShape,
  type ShapeKey,
} from './shape-repository.ts'

interface KnownShape extends ShapeKey {
  /** Whether this transaction has added it. */
  readonly isNew: boolean
}

/** What is said of a shape besides the finding. */
interface Noted {
  readonly audit: AuditRecord[]
  readonly events: OutgoingEvent[]
}

/**
 * The shape that a finding is to name, which is found nowhere else until `trx` ends. An unknown one
 * becomes a candidate.
 *
 * @throws gate.limit-reached
 */
export async function lockShapeFor(
  trx: Knex.Transaction,
  { tenantId, shapeId, at }: ShapeKey & { readonly at: Date },
): Promise<KnownShape> {
  const key = { tenantId, shapeId }
  if ((await lockShape(trx, key)) !== undefined) return { ...key, isNew: false }
  await lockShapes(trx, tenantId)
  // It may have come while this one waited.
  if ((await lockShape(trx, key)) !== undefined) return { ...key, isNew: false }
  const firstAt = at.toISOString()
  const nothing = { surfaces: [], checks: [], historic: [] }
  await addShape(trx, tenantId, { shapeId, state: 'candidate', ...nothing, firstAt })
  return { ...key, isNew: true }
}

/** Needs `lockShapes`, and that there is none of this id. @throws gate.limit-reached */
export async function addShape(
  trx: Knex.Transaction,
  tenantId: string,
  shape: NewShape,
): Promise<void> {
  const limit = SHAPES_MAX
  if ((await countRows(trx, 'shapes', { tenantId, limit })) >= limit)
    throw limitReached('shapes', limit)
  await insertShape(trx, tenantId, shape)
}

/**
 * Names a candidate with its second occurrence. Needs `lockShapeFor`, and the finding's row.
 *
 * @throws gate.shape-incomplete
 */
export async function recordOccurrence(
  trx: Knex.Transaction,
  { isNew, ...key }: KnownShape,
  at: Date,
): Promise<Noted> {
  const shape = await findShape(trx, key)
  if (shape === undefined) throw new Error('a shape is gone that was locked')
  const { shapeId, state, occurrences } = shape
  const target = `shape:${shapeId}`
  if (isNew) {
    return {
      audit: [{ action: 'shape.proposed', target, payload: {} }],
      events: [outgoing(shapeProposed, key)],
    }
  }
  if (state === 'named' || occurrences < 2) return { audit: [], events: [] }
  checkComplete(shapeId, shape)
  await nameShape(trx, key, at)
  return {
    audit: [{ action: 'shape.named', target, payload: { occurrences } }],
    events: [outgoing(shapeNamed, key)],
  }
}
