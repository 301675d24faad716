import { shapeIncomplete } from '../errors.ts'
import type { ShapeText } from './shape-repository.ts'

/**
 * A shape that has a name says what it is, how it is prevented, and what checks that.
 *
 * @throws gate.shape-incomplete naming what is missing
 */
export function checkComplete(shapeId: string, text: ShapeText): void {
  const missing = [
    ...(text.definition === undefined ? ['definition'] : []),
    ...(text.prevention === undefined ? ['prevention'] : []),
    ...(text.checks.length === 0 ? ['checks'] : []),
  ]
  if (missing.length > 0) throw shapeIncomplete(shapeId, missing)
}
