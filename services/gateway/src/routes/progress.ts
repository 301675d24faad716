import { Type } from 'typebox'
import {
  getProgress,
  getProgressSchedule,
  listEvidence,
  listProgressRuns,
  runProgress,
  setProgressSchedule,
} from '@mumega/contracts/progress'
import { TenantId } from '@mumega/contracts/scalars'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'

const tags = ['progress']
const problems = ['gateway.tenant-not-found'] as const
const tenant = { tenantId: Type.Optional(TenantId) }

/** What became of the objectives: computed, never typed in. */
export function addProgressRoutes(app: App, gateway: Gateway): void {
  addReadRoutes(app, gateway)
  addRunRoutes(app, gateway)
  addScheduleRoutes(app, gateway)
}

function addReadRoutes(app: App, gateway: Gateway): void {
  const { objectiveId, day, keyResultId, after } = listEvidence.request.properties
  app.get(
    '/v1/objectives/:objectiveId/progress',
    {
      config: { access: 'objectives:read', calls: [getProgress], problems },
      schema: {
        tags,
        operationId: 'getProgress',
        summary: 'The progress of an objective on a day',
        description:
          'Of every key result the value that the day’s run computed by its formula, how far that ' +
          'is from baseline to target, what is to be expected at the end of the period, and the ' +
          'engrams that it was computed from. By default the last day that was computed.',
        params: closed({ objectiveId }),
        querystring: closed({ ...tenant, day: Type.Optional(day) }),
        response: { 200: answer('The progress.', getProgress.reply) },
      },
    },
    async (request) => {
      const { tenantId, ...asked } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(getProgress, { ...request.params, ...asked }, { context })
    },
  )

  app.get(
    '/v1/objectives/:objectiveId/progress/:day/:keyResultId/engrams',
    {
      config: { access: 'objectives:read', calls: [listEvidence], problems },
      schema: {
        tags,
        operationId: 'listEvidence',
        summary: 'The engrams that a value was computed from, in the order of their recording',
        description: 'Without what they say, which is for those who may recall them.',
        params: closed({ objectiveId, day, keyResultId }),
        querystring: closed({ ...tenant, limit: Limit, after }),
        response: { 200: page(listEvidence.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...asked } = request.query
      const context = await actingContext(gateway, request, tenantId)
      const query = { ...request.params, ...asked, limit }
      return gateway.bus.request(listEvidence, query, { context })
    },
  )
}

function addRunRoutes(app: App, gateway: Gateway): void {
  const { before } = listProgressRuns.request.properties
  app.get(
    '/v1/progress-runs',
    {
      config: { access: 'objectives:read', calls: [listProgressRuns], problems },
      schema: {
        tags,
        operationId: 'listProgressRuns',
        summary: 'List the days that were computed, the newest first',
        querystring: closed({ ...tenant, limit: Limit, before }),
        response: { 200: page(listProgressRuns.reply, 'before') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...asked } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(listProgressRuns, { ...asked, limit }, { context })
    },
  )

  const { day, note } = runProgress.request.properties
  app.post(
    '/v1/progress-runs',
    {
      config: { access: 'objectives:write', calls: [runProgress], problems },
      schema: {
        tags,
        operationId: 'runProgress',
        summary: 'Have today computed now',
        description:
          'By a note that agent.mizan has signed: `mumega progress run` makes one. Whoever brings ' +
          'it, nobody else can want it. A day is computed once; its run is the answer, also when it ' +
          'is there already.',
        headers: IdempotencyHeaders,
        querystring: closed(tenant),
        body: closed({ day, note }),
        response: { 202: answer('The day’s run, which goes on by itself.', runProgress.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      reply.code(202)
      return askOnce(gateway, request, { context, contract: runProgress, content: request.body })
    },
  )
}

function addScheduleRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/progress-schedule',
    {
      config: { access: 'objectives:read', calls: [getProgressSchedule], problems },
      schema: {
        tags,
        operationId: 'getProgressSchedule',
        summary: 'When the days of the tenant are computed',
        querystring: closed(tenant),
        response: { 200: answer('The schedule.', getProgressSchedule.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getProgressSchedule, {}, { context })
    },
  )

  const { timeZone, runAt } = setProgressSchedule.request.properties
  app.put(
    '/v1/progress-schedule',
    {
      config: { access: 'tenants:write', calls: [setProgressSchedule], problems },
      schema: {
        tags,
        operationId: 'setProgressSchedule',
        summary: 'Say when the days of a tenant are computed',
        description: 'A day that has its run gets no other one.',
        headers: IdempotencyHeaders,
        querystring: closed(tenant),
        body: closed({ timeZone, runAt }),
        response: { 200: answer('The schedule.', setProgressSchedule.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const order = { context, contract: setProgressSchedule, content: request.body }
      return askOnce(gateway, request, order)
    },
  )
}
