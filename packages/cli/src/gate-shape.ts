import { Type } from 'typebox'
import { describeShape, listShapes } from '@mumega/contracts/gate-shapes'
import { askGateway } from './ask-gateway.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { READS, WRITES } from './gate-parts.ts'
import { queryOf } from './query.ts'
import { File, readBody } from './read-body.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'

const SHAPES = '/v1/gate/shapes'

export async function list(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...Type.Partial(listShapes.request).properties },
    options: { state: 'state', limit: 'limit', after: 'after', tenantId: 'tenant' },
  })
  const path = `${SHAPES}${queryOf(fields)}`
  const asked = { path, url, reply: listShapes.reply, what: 'no shapes', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.shapes, next: page.next },
    {
      SHAPE: (row) => row.shapeId,
      STATE: (row) => row.state,
      FOUND: (row) => String(row.occurrences),
      SURFACES: ({ surfaces }) => (surfaces.length === 0 ? 'any' : surfaces.join(' ')),
      DEFINITION: ({ definition = 'not said yet' }) => definition,
    },
  )
  return done(page, { json, text })
}

/** Says what a shape is, as a file says it, instead of what was said before. */
export async function describe(args: readonly string[], config: Config): Promise<Outcome> {
  const { shapeId, requestId: _, ...said } = describeShape.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { shapeId, file: File, ...ofTenant },
    words: { shapeId: 'a shape', file: 'the file of what it is' },
    options: { tenantId: 'tenant' },
  })
  const body = await readBody(fields.file, said, config)
  const path = `${SHAPES}/${fields.shapeId}${queryOf({ tenantId: fields.tenantId })}`
  const asked = { path, url, method: 'PUT', body, reply: describeShape.reply } as const
  const shape = await askGateway({ ...asked, what: 'no shape', needs: WRITES }, config)
  return done(shape, { json, text: linesText([`${shape.shapeId} is a ${shape.state} shape`]) })
}
