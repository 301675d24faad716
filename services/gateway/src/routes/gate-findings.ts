import { Type } from 'typebox'
import {
  carryFinding,
  FINDINGS_MAX,
  fixFinding,
  getIteration,
  giveVerdict,
  listFindings,
  recordFinding,
  reportArm,
} from '@mumega/contracts/gate-review'
import { TenantId } from '@mumega/contracts/scalars'
import { actingContext } from '../acting-context.ts'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, page, PAGE_DEFAULT } from '../schemas.ts'

const tags = ['gate']
const problems = ['gateway.tenant-not-found'] as const
const querystring = closed({ tenantId: Type.Optional(TenantId) })
const { sprintId, trackId, iteration } = getIteration.request.properties
const iterationParams = closed({ sprintId, trackId, iteration })
const findingParams = closed({ sprintId, trackId, number: fixFinding.request.properties.number })
const ITERATION = '/v1/gate/sprints/:sprintId/tracks/:trackId/iterations/:iteration'
const FINDINGS = '/v1/gate/sprints/:sprintId/tracks/:trackId/findings'
const ofIteration = { tags, headers: IdempotencyHeaders, params: iterationParams, querystring }
const ofFinding = { tags, headers: IdempotencyHeaders, params: findingParams, querystring }
const KEYS = ['requestId', 'sprintId', 'trackId', 'iteration'] as const

const VERDICT =
  'By a note that agent.athena has signed: no token stands in for it. The text to be signed is ' +
  '`expected` of the refusal. GREEN is refused while a BLOCK is open or fixed in a later commit, ' +
  'with only one arm reported, and on work of the judge’s or a reviewer’s own. By the same note ' +
  'a second time nothing happens.'

/** What is found in an iteration, what becomes of it, and what is said of the whole. */
export function addFindingRoutes(app: App, gateway: Gateway): void {
  addIterationRoutes(app, gateway)
  addFindingRoute(app, gateway)
  addListRoute(app, gateway)
  addClosingRoutes(app, gateway)
  addVerdictRoute(app, gateway)
}

function addIterationRoutes(app: App, gateway: Gateway): void {
  app.get(
    ITERATION,
    {
      config: { access: 'gate:read', calls: [getIteration], problems },
      schema: {
        tags,
        operationId: 'getIteration',
        summary: 'An iteration with all that a verdict on it judges',
        description: '`sha256` is of `judged` as canonical JSON (RFC 8785), and is what is signed.',
        ...{ params: iterationParams, querystring },
        response: { 200: answer('The iteration as it stands.', getIteration.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      return gateway.bus.request(getIteration, request.params, { context })
    },
  )

  app.post(
    `${ITERATION}/reports`,
    {
      config: { access: 'gate:write', calls: [reportArm], problems },
      schema: {
        ...ofIteration,
        operationId: 'reportArm',
        summary: 'Report for one arm what it looked at',
        description: 'Each arm reports once, and nobody of work that is their own.',
        body: closed(Type.Omit(reportArm.request, [...KEYS]).properties),
        response: { 201: answer('The report.', reportArm.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      reply.code(201)
      return askOnce(gateway, request, { context, contract: reportArm, content })
    },
  )
}

function addFindingRoute(app: App, gateway: Gateway): void {
  const { evidence, ...fields } = Type.Omit(recordFinding.request, [...KEYS]).properties
  app.post(
    `${ITERATION}/findings`,
    {
      config: { access: 'gate:write', calls: [recordFinding], problems },
      schema: {
        ...ofIteration,
        operationId: 'recordFinding',
        summary: 'Record what was found in an iteration',
        description:
          'After a GREEN it counts against the sprint. A threat shape that nobody knows becomes a ' +
          'candidate; its second occurrence names it.',
        body: closed({ ...fields, evidence: closed(evidence.properties) }),
        response: { 201: answer('The finding.', recordFinding.reply) },
      },
    },
    async (request, reply) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      reply.code(201)
      return askOnce(gateway, request, { context, contract: recordFinding, content })
    },
  )
}

function addListRoute(app: App, gateway: Gateway): void {
  const limit = Type.Optional(
    Type.Integer({
      ...{ minimum: 1, maximum: FINDINGS_MAX, description: `Default ${PAGE_DEFAULT}.` },
    }),
  )
  app.get(
    FINDINGS,
    {
      config: { access: 'gate:read', calls: [listFindings], problems },
      schema: {
        tags,
        operationId: 'listFindings',
        summary: 'List the findings of a track by their numbers',
        params: closed({ sprintId, trackId }),
        querystring: closed({
          ...querystring.properties,
          ...{ limit, after: listFindings.request.properties.after },
        }),
        response: { 200: page(listFindings.reply, 'after') },
      },
    },
    async (request) => {
      const { tenantId, limit: most = PAGE_DEFAULT, ...query } = request.query
      const context = await actingContext(gateway, request, tenantId)
      const order = { ...request.params, ...query, limit: most }
      return gateway.bus.request(listFindings, order, { context })
    },
  )
}

function addClosingRoutes(app: App, gateway: Gateway): void {
  const { commit, test, failedBefore, passesAfter } = fixFinding.request.properties
  app.post(
    `${FINDINGS}/:number/fix`,
    {
      config: { access: 'gate:write', calls: [fixFinding], problems },
      schema: {
        ...ofFinding,
        operationId: 'fixFinding',
        summary: 'Close a finding by its fix',
        description: 'With the test that failed before and passes after.',
        body: closed({
          ...{ commit, test },
          failedBefore: closed(failedBefore.properties),
          passesAfter: closed(passesAfter.properties),
        }),
        response: { 200: answer('The finding, fixed.', fixFinding.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: fixFinding, content })
    },
  )

  app.post(
    `${FINDINGS}/:number/carry`,
    {
      config: { access: 'gate:write', calls: [carryFinding], problems },
      schema: {
        ...ofFinding,
        operationId: 'carryFinding',
        summary: 'Leave a finding to another sprint',
        description: 'A BLOCK is mended where it was found.',
        body: closed(Type.Pick(carryFinding.request, ['to']).properties),
        response: { 200: answer('The finding, carried.', carryFinding.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: carryFinding, content })
    },
  )
}

function addVerdictRoute(app: App, gateway: Gateway): void {
  app.post(
    `${ITERATION}/verdicts`,
    {
      config: { access: 'gate:write', calls: [giveVerdict], problems },
      schema: {
        ...ofIteration,
        operationId: 'giveVerdict',
        summary: 'Judge the newest iteration of a track',
        description: VERDICT,
        body: closed(Type.Pick(giveVerdict.request, ['commit', 'verdict', 'note']).properties),
        response: { 200: answer('The verdict.', giveVerdict.reply) },
      },
    },
    async (request) => {
      const context = await actingContext(gateway, request, request.query.tenantId)
      const content = { ...request.params, ...request.body }
      return askOnce(gateway, request, { context, contract: giveVerdict, content })
    },
  )
}
