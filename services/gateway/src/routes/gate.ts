import { Type } from 'typebox'
import {
  addTrack,
  GateSlug,
  getSprint,
  getTrack,
  listSprints,
  openSprint,
  submitIteration,
} from '@mumega/contracts/gate'
import { getLedger } from '@mumega/contracts/gate-ledger'
import { TenantId } from '@mumega/contracts/scalars'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'

const tags = ['gate']
const problems = ['gateway.tenant-not-found'] as const
const querystring = closed({ tenantId: Type.Optional(TenantId) })
const params = closed({ sprintId: GateSlug })
const trackParams = closed({ sprintId: GateSlug, trackId: GateSlug })

/** Sprints with their tracks and iterations, and what the gate counts of them. */
export function addGateRoutes(app: App, gateway: Gateway): void {
  addSprintRoutes(app, gateway)
  addListRoute(app, gateway)
  addLedgerRoute(app, gateway)
  addTrackRoutes(app, gateway)
  addIterationRoute(app, gateway)
}

function addSprintRoutes(app: App, gateway: Gateway): void {
  app.post(
    '/v1/gate/sprints',
    {
      config: { access: 'gate:write', calls: [openSprint], problems },
      schema: {
        tags,
        operationId: 'openSprint',
        summary: 'Open a sprint',
        headers: IdempotencyHeaders,
        querystring,
        body: closed(Type.Omit(openSprint.request, ['requestId']).properties),
        response: { 201: answer('The sprint.', openSprint.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      reply.code(201)
      return askOnce(gateway, request, { context, contract: openSprint, content: request.body })
    },
  )

  app.get(
    '/v1/gate/sprints/:sprintId',
    {
      config: { access: 'gate:read', calls: [getSprint], problems },
      schema: {
        tags,
        operationId: 'getSprint',
        summary: 'A sprint with its tracks',
        description: 'Of a sprint from before there was a gate the ledger has what was counted.',
        ...{ params, querystring },
        response: { 200: answer('The sprint.', getSprint.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getSprint, request.params, { context })
    },
  )
}

function addListRoute(app: App, gateway: Gateway): void {
  const { origin, after } = listSprints.request.properties
  app.get(
    '/v1/gate/sprints',
    {
      config: { access: 'gate:read', calls: [listSprints], problems },
      schema: {
        tags,
        operationId: 'listSprints',
        summary: 'List sprints by their ids',
        querystring: closed({ ...querystring.properties, origin, limit: Limit, after }),
        response: { 200: page(listSprints.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(listSprints, { ...query, limit }, { context })
    },
  )
}

function addLedgerRoute(app: App, gateway: Gateway): void {
  app.get(
    '/v1/gate/sprints/:sprintId/ledger',
    {
      config: { access: 'gate:read', calls: [getLedger], problems },
      schema: {
        tags,
        operationId: 'getLedger',
        summary: 'What the gate caught in a sprint, before GREEN and after',
        ...{ params, querystring },
        response: { 200: answer('The counts of each track, and their sums.', getLedger.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getLedger, request.params, { context })
    },
  )
}

function addTrackRoutes(app: App, gateway: Gateway): void {
  app.post(
    '/v1/gate/sprints/:sprintId/tracks',
    {
      config: { access: 'gate:write', calls: [addTrack], problems },
      schema: {
        tags,
        operationId: 'addTrack',
        summary: 'Add a track to a sprint',
        description: 'Its author does the work, and therefore neither reviews nor judges it.',
        headers: IdempotencyHeaders,
        ...{ params, querystring },
        body: closed(Type.Omit(addTrack.request, ['requestId', 'sprintId']).properties),
        response: { 201: answer('The track.', addTrack.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      reply.code(201)
      return askOnce(gateway, request, { context, contract: addTrack, content })
    },
  )

  app.get(
    '/v1/gate/sprints/:sprintId/tracks/:trackId',
    {
      config: { access: 'gate:read', calls: [getTrack], problems },
      schema: {
        tags,
        operationId: 'getTrack',
        summary: 'A track with its iterations',
        ...{ params: trackParams, querystring },
        response: { 200: answer('The track.', getTrack.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getTrack, request.params, { context })
    },
  )
}

function addIterationRoute(app: App, gateway: Gateway): void {
  app.post(
    '/v1/gate/sprints/:sprintId/tracks/:trackId/iterations',
    {
      config: { access: 'gate:write', calls: [submitIteration], problems },
      schema: {
        tags,
        operationId: 'submitIteration',
        summary: 'Bring the next commit of a track to the gate',
        description: 'After GREEN only where something was found since.',
        headers: IdempotencyHeaders,
        ...{ params: trackParams, querystring },
        body: closed(Type.Pick(submitIteration.request, ['commit']).properties),
        response: { 201: answer('The track with its iterations.', submitIteration.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      reply.code(201)
      return askOnce(gateway, request, { context, contract: submitIteration, content })
    },
  )
}
