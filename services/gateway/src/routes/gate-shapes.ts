import { Type } from 'typebox'
import {
  BRIEFING_PAGE_MAX,
  describeShape,
  getBriefing,
  listShapes,
  ShapeCheck,
} from '@mumega/contracts/gate-shapes'
import { TenantId } from '@mumega/contracts/scalars'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, page } from '../schemas.ts'

const tags = ['gate']
const problems = ['gateway.tenant-not-found'] as const
const querystring = closed({ tenantId: Type.Optional(TenantId) })
const SHAPES_DEFAULT = 20
const Limit = Type.Optional(
  Type.Integer({
    ...{ minimum: 1, maximum: BRIEFING_PAGE_MAX, description: `Default ${SHAPES_DEFAULT}.` },
  }),
)

/** The ways in which work goes wrong. */
export function addShapeRoutes(app: App, gateway: Gateway): void {
  addReadRoutes(app, gateway)
  addDescribeRoute(app, gateway)
}

function addReadRoutes(app: App, gateway: Gateway): void {
  const { state, after } = listShapes.request.properties
  app.get(
    '/v1/gate/shapes',
    {
      config: { access: 'gate:read', calls: [listShapes], problems },
      schema: {
        tags,
        operationId: 'listShapes',
        summary: 'List threat shapes by their ids',
        querystring: closed({ ...querystring.properties, state, limit: Limit, after }),
        response: { 200: page(listShapes.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = SHAPES_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(listShapes, { ...query, limit }, { context })
    },
  )

  const { surface, after: place } = getBriefing.request.properties
  app.get(
    '/v1/gate/briefing',
    {
      config: { access: 'gate:read', calls: [getBriefing], problems },
      schema: {
        tags,
        operationId: 'getBriefing',
        summary: 'What a new piece of work on a surface has to consider',
        description:
          'The threat shapes of the surface and those of every surface: the tenant’s own with where ' +
          'they were found, and then the substrate’s.',
        querystring: closed({ ...querystring.properties, surface, limit: Limit, after: place }),
        response: { 200: page(getBriefing.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = SHAPES_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(getBriefing, { ...query, limit }, { context })
    },
  )
}

function addDescribeRoute(app: App, gateway: Gateway): void {
  const { shapeId, definition, prevention, surfaces } = describeShape.request.properties
  const Checks = Type.Optional(Type.Array(closed(ShapeCheck.properties), { maxItems: 20 }))
  app.put(
    '/v1/gate/shapes/:shapeId',
    {
      config: { access: 'gate:write', calls: [describeShape], problems },
      schema: {
        tags,
        operationId: 'describeShape',
        summary: 'Say what a threat shape is',
        description:
          'Instead of what was said before. A shape that has a name keeps a definition, a ' +
          'prevention and a check.',
        headers: IdempotencyHeaders,
        params: closed({ shapeId }),
        querystring,
        body: closed({ definition, prevention, surfaces, checks: Checks }),
        response: { 200: answer('The shape.', describeShape.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: describeShape, content })
    },
  )
}
