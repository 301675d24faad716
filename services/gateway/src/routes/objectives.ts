import { Type } from 'typebox'
import { ObjectiveContent } from '@mumega/contracts/objective-content'
import {
  createObjective,
  decideObjective,
  editObjective,
  getObjective,
  listObjectiveChanges,
  listObjectives,
  objectToObjective,
  proposeObjective,
} from '@mumega/contracts/objectives'
import { TenantId, Uuid } from '@mumega/contracts/scalars'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'

const tags = ['objectives']
const problems = ['gateway.tenant-not-found'] as const
const querystring = closed({ tenantId: Type.Optional(TenantId) })
const params = closed({ objectiveId: Uuid })
const version = proposeObjective.request.properties.version
const versionParams = closed({ objectiveId: Uuid, version })
const EDIT =
  'Names the newest version, so that nobody overwrites what he has not seen. What was ratified ' +
  'counts until this version is ratified; what was only drafted or proposed is superseded.'

const DECIDE =
  'By a note that agent.athena has signed: no token stands in for it. The text to be signed is ' +
  '`expected` of the refusal, and `statement` of the version to ratify it. By the same note a ' +
  'second time nothing happens.'

/** What the organism, or a tenant, wants, and who said so. */
export function addObjectiveRoutes(app: App, gateway: Gateway): void {
  addReadRoutes(app, gateway)
  addChangesRoute(app, gateway)
  addDraftRoutes(app, gateway)
  addVersionRoutes(app, gateway)
}

function addReadRoutes(app: App, gateway: Gateway): void {
  const { state, parentId, owner, tag, after } = listObjectives.request.properties
  app.get(
    '/v1/objectives',
    {
      config: { access: 'objectives:read', calls: [listObjectives], problems },
      schema: {
        tags,
        operationId: 'listObjectives',
        summary: 'List objectives, the oldest first',
        description:
          'One version of each: that in the state asked for, else the one that counts, or counted ' +
          'last, or the newest where none ever did.',
        querystring: closed({
          ...querystring.properties,
          ...{ state, parentId, owner, tag, limit: Limit, after },
        }),
        response: { 200: page(listObjectives.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(listObjectives, { ...query, limit }, { context })
    },
  )

  app.get(
    '/v1/objectives/:objectiveId',
    {
      config: { access: 'objectives:read', calls: [getObjective], problems },
      schema: {
        tags,
        operationId: 'getObjective',
        summary: 'A version of an objective, with all that was said of it',
        description:
          'By default the one that counts, or counted last, or the newest where none ever did. Of ' +
          'a proposed version `statement` is what agent.athena signs to ratify it.',
        params,
        querystring: closed({ ...querystring.properties, version: Type.Optional(version) }),
        response: { 200: answer('The version.', getObjective.reply) },
      },
    },
    async (request) => {
      const { tenantId, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      return gateway.bus.request(getObjective, { ...request.params, ...query }, { context })
    },
  )
}

function addChangesRoute(app: App, gateway: Gateway): void {
  app.get(
    '/v1/objectives/:objectiveId/changes',
    {
      config: { access: 'objectives:read', calls: [listObjectiveChanges], problems },
      schema: {
        tags,
        operationId: 'listObjectiveChanges',
        summary: 'How an objective came to what it is, the newest change first',
        params,
        querystring: closed({
          ...querystring.properties,
          ...{ limit: Limit, before: listObjectiveChanges.request.properties.before },
        }),
        response: { 200: page(listObjectiveChanges.reply, 'before') },
      },
    },
    async (request) => {
      const { tenantId, limit = PAGE_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      const order = { ...request.params, ...query, limit }
      return gateway.bus.request(listObjectiveChanges, order, { context })
    },
  )
}

function addDraftRoutes(app: App, gateway: Gateway): void {
  app.post(
    '/v1/objectives',
    {
      config: { access: 'objectives:write', calls: [createObjective], problems },
      schema: {
        tags,
        operationId: 'createObjective',
        summary: 'Draft an objective with its key results',
        headers: IdempotencyHeaders,
        querystring,
        body: ObjectiveContent,
        response: { 201: answer('Its first version, a draft.', createObjective.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { content: request.body }
      reply.code(201)
      return askOnce(gateway, request, { context, contract: createObjective, content })
    },
  )

  app.put(
    '/v1/objectives/:objectiveId',
    {
      config: { access: 'objectives:write', calls: [editObjective], problems },
      schema: {
        tags,
        operationId: 'editObjective',
        summary: 'Draft another version of an objective',
        description: EDIT,
        headers: IdempotencyHeaders,
        params,
        querystring,
        body: closed({
          replacesVersion: editObjective.request.properties.replacesVersion,
          ...ObjectiveContent.properties,
        }),
        response: { 200: answer('The new version, a draft.', editObjective.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const { replacesVersion, ...said } = request.body
      const content = { ...request.params, replacesVersion, content: said }
      return askOnce(gateway, request, { context, contract: editObjective, content })
    },
  )
}

const stepSchema = {
  tags,
  headers: IdempotencyHeaders,
  params: versionParams,
  querystring,
} as const
const steppedAnswer = answer('The version as it is now.', proposeObjective.reply)

function addVersionRoutes(app: App, gateway: Gateway): void {
  app.post(
    '/v1/objectives/:objectiveId/versions/:version/propose',
    {
      config: { access: 'objectives:write', calls: [proposeObjective], problems },
      schema: {
        ...stepSchema,
        operationId: 'proposeObjective',
        summary: 'Propose a draft to the one who ratifies',
        description: 'Its bytes are what a signature will bind.',
        response: { 200: steppedAnswer },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = request.params
      return askOnce(gateway, request, { context, contract: proposeObjective, content })
    },
  )

  app.post(
    '/v1/objectives/:objectiveId/versions/:version/objections',
    {
      config: { access: 'objectives:write', calls: [objectToObjective], problems },
      schema: {
        ...stepSchema,
        operationId: 'objectToObjective',
        summary: 'Object to a proposed version',
        description:
          'It stops nobody, but whoever ratifies has to sign how many objections there are.',
        body: closed(Type.Pick(objectToObjective.request, ['reason']).properties),
        response: { 200: steppedAnswer },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: objectToObjective, content })
    },
  )

  app.post(
    '/v1/objectives/:objectiveId/versions/:version/decisions',
    {
      config: { access: 'objectives:write', calls: [decideObjective], problems },
      schema: {
        ...stepSchema,
        operationId: 'decideObjective',
        summary: 'Ratify, decline or retire a version',
        description: DECIDE,
        body: closed(Type.Pick(decideObjective.request, ['decision', 'reason', 'note']).properties),
        response: { 200: steppedAnswer },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: decideObjective, content })
    },
  )
}
