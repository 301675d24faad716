import { Type } from 'typebox'
import { getCheckpoint, listDrops, listFindings } from '@mumega/contracts/audit-ledger'
import type { App, Gateway } from '../app.ts'
import { noCheckpoint } from '../errors.ts'
import { answer, closed, Limit, PAGE_DEFAULT, textAnswer } from '../schemas.ts'
import { GATEWAY_CONTEXT, contextOf, sessionOf } from '../session.ts'

const tags = ['audit']

export function addAuditRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/audit/key',
    {
      config: { access: 'public', calls: [getCheckpoint] },
      schema: {
        tags,
        operationId: 'getLogKey',
        summary: 'The log’s public key, as a C2SP verifier key',
        description: 'Keep it: with it alone receipts are verified, now and later.',
        response: { 200: textAnswer('The vkey, one line.') },
      },
    },
    async (_request, reply) => {
      const { vkey } = await gateway.bus.request(getCheckpoint, {}, { context: GATEWAY_CONTEXT })
      return reply.type('text/plain; charset=utf-8').send(`${vkey}\n`)
    },
  )

  app.get(
    '/v1/audit/checkpoint',
    {
      config: {
        access: 'audit:read',
        calls: [getCheckpoint],
        problems: ['gateway.checkpoint-absent'],
      },
      schema: {
        tags,
        operationId: 'getCheckpoint',
        summary: 'The log’s newest signed checkpoint, as a C2SP signed note',
        response: { 200: textAnswer('The note.') },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const { note } = await gateway.bus.request(getCheckpoint, {}, { context })
      if (note === undefined) throw noCheckpoint()
      return reply.type('text/plain; charset=utf-8').send(note)
    },
  )

  app.get(
    '/v1/audit/drops',
    {
      config: { access: 'operations:read', calls: [listDrops] },
      schema: {
        tags,
        operationId: 'listDrops',
        summary: 'What could not be chained, newest first, and what has since resolved it',
        querystring: closed({ limit: Limit }),
        response: { 200: answer('Drop-records.', Type.Object(listDrops.reply.properties)) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(
        listDrops,
        { limit: request.query.limit ?? PAGE_DEFAULT },
        { context },
      )
    },
  )

  addFindingsRoute(app, gateway)
}

function addFindingsRoute(app: App, gateway: Gateway): void {
  app.get(
    '/v1/audit/findings',
    {
      config: { access: 'operations:read', calls: [listFindings] },
      schema: {
        tags,
        operationId: 'listFindings',
        summary: 'Stored values of the log that were found altered, newest first',
        querystring: closed({ limit: Limit }),
        response: { 200: answer('Findings.', Type.Object(listFindings.reply.properties)) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(
        listFindings,
        { limit: request.query.limit ?? PAGE_DEFAULT },
        { context },
      )
    },
  )
}
