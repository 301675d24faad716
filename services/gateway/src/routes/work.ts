import { Type } from 'typebox'
import { TenantId } from '@mumega/contracts/scalars'
import { getWork, listWork, putWork, readDrift, WorkState } from '@mumega/contracts/work'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'

const tags = ['objectives']
const problems = ['gateway.tenant-not-found'] as const
const tenant = { tenantId: Type.Optional(TenantId) }
const DAYS_DEFAULT = 30
const PUT =
  'All that it is now: `open` unless said otherwise, and without an objective tied to none. Any ' +
  'objective of the tenant may be named; until a version of it is ratified, the work is drift like ' +
  'work that names none. Who says what is on record changes nothing.'
const DRIFT =
  'How much of the work leads to what was ratified: of what is open as of now, of what was closed ' +
  'within the days as of its end. And the objectives that nobody works for. The work itself is ' +
  'listed by `GET /v1/work?drifting=true`.'

/** What is worked on, and for what. */
export function addWorkRoutes(app: App, gateway: Gateway): void {
  addOneRoutes(app, gateway)
  addListRoute(app, gateway)
  addDriftRoute(app, gateway)
}

function addOneRoutes(app: App, gateway: Gateway): void {
  const { kind, workId, title, objectiveId } = putWork.request.properties
  const params = closed({ kind, workId })
  app.put(
    '/v1/work/:kind/:workId',
    {
      config: { access: 'objectives:write', calls: [putWork], problems },
      schema: {
        tags,
        operationId: 'putWork',
        summary: 'Say what a task or fleet is, and what it is done for',
        description: PUT,
        params,
        headers: IdempotencyHeaders,
        querystring: closed(tenant),
        body: closed({
          title,
          state: Type.Optional(WorkState),
          objectiveId,
        }),
        response: { 200: answer('The work.', putWork.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { state: 'open' as const, ...request.body, ...request.params }
      return askOnce(gateway, request, { context, contract: putWork, content })
    },
  )

  app.get(
    '/v1/work/:kind/:workId',
    {
      config: { access: 'objectives:read', calls: [getWork], problems },
      schema: {
        tags,
        operationId: 'getWork',
        summary: 'A task or fleet, and whether it leads to what was ratified',
        params,
        querystring: closed(tenant),
        response: { 200: answer('The work.', getWork.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getWork, request.params, { context })
    },
  )
}

function addListRoute(app: App, gateway: Gateway): void {
  const { limit: _, ...conditions } = listWork.request.properties
  app.get(
    '/v1/work',
    {
      config: { access: 'objectives:read', calls: [listWork], problems },
      schema: {
        tags,
        operationId: 'listWork',
        summary: 'List tasks and fleets, by kind and id',
        description: 'What fits every condition; `drifting=true` is what leads nowhere ratified.',
        querystring: closed({ ...tenant, ...conditions, limit: Limit }),
        response: { 200: page(listWork.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...asked } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(listWork, { ...asked, limit }, { context })
    },
  )
}

function addDriftRoute(app: App, gateway: Gateway): void {
  const { days } = readDrift.request.properties
  app.get(
    '/v1/drift',
    {
      config: { access: 'objectives:read', calls: [readDrift], problems },
      schema: {
        tags,
        operationId: 'readDrift',
        summary: 'How much of the work leads to what was ratified',
        description: DRIFT,
        querystring: closed({
          ...tenant,
          days: Type.Optional(Type.Integer({ ...days, description: `Default ${DAYS_DEFAULT}.` })),
        }),
        response: { 200: answer('The report.', readDrift.reply) },
      },
    },
    async (request) => {
      const { tenantId, days: asked = DAYS_DEFAULT } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(readDrift, { days: asked }, { context })
    },
  )
}
