import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  SHAPE_TEXT_BYTES_MAX,
  shapeDescribed,
  shapeProposed,
  type describeShape,
  type Shape,
} from '@mumega/contracts/gate-shapes'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import type { Gate } from '../gate.ts'
import { checkText } from '../text.ts'
import { checkComplete } from './complete.ts'
import { addShape } from './occurrence.ts'
import { findShape, lockShape, lockShapes, updateShapeText } from './shape-repository.ts'

/**
 * Says what a shape is. What was said before is in the ledger.
 *
 * @throws gate.shape-incomplete, .limit-reached, .text-too-large, .invalid-text
 */
export async function handleDescribeShape(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, shapeId, ...said }: RequestOf<typeof describeShape>,
): Promise<ReplyOf<typeof describeShape>> {
  const { definition, prevention, surfaces = [], checks = [] } = said
  checkText('definition', definition, SHAPE_TEXT_BYTES_MAX)
  checkText('prevention', prevention, SHAPE_TEXT_BYTES_MAX)
  const text = {
    ...(definition !== undefined && { definition }),
    ...(prevention !== undefined && { prevention }),
    ...{ surfaces, checks },
  }
  const { tenantId, actor } = context
  const key = { tenantId, shapeId }
  const request = { requestId, command: 'describe-shape', content: { actor, shapeId, ...text } }
  return act(db, { context, clock, request }, async (trx) => {
    await lockShapes(trx, tenantId)
    const before = await lockShape(trx, key)
    if (before === undefined) {
      const firstAt = clock.now().toISOString()
      const added = { shapeId, state: 'candidate' as const, ...text, historic: [], firstAt }
      await addShape(trx, tenantId, added)
    } else {
      if (before.state === 'named') checkComplete(shapeId, text)
      await updateShapeText(trx, key, text)
    }
    return {
      reply: await readShape(findShape(trx, key)),
      audit: [
        {
          action: before === undefined ? 'shape.proposed' : 'shape.described',
          target: `shape:${shapeId}`,
          payload: text,
        },
      ],
      events: [before === undefined ? outgoing(shapeProposed, key) : outgoing(shapeDescribed, key)],
    }
  })
}

async function readShape(found: Promise<Shape | undefined>): Promise<Shape> {
  const shape = await found
  if (shape === undefined) throw new Error('a shape is gone that was described')
  return shape
}
