import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { listDrops, listFindings } from '@mumega/contracts/audit-findings'
import { getCheckpoint, getTimestamp, listTimestamps } from '@mumega/contracts/audit-ledger'
import { Cursor } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { noCheckpoint, noWitnessedCheckpoint } from '../errors.ts'
import { closed, Limit, page, PAGE_DEFAULT, textAnswer } from '../schemas.ts'
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

  addWitnessed(app, gateway)
  addTimestamps(app, gateway)
  app.get(
    '/v1/audit/drops',
    {
      config: { access: 'operations:read', calls: [listDrops] },
      schema: {
        tags,
        operationId: 'listDrops',
        summary: 'What could not be chained, newest first, and what has since resolved it',
        querystring: closed({ limit: Limit, before: Type.Optional(Cursor) }),
        response: { 200: page(Type.Object(listDrops.reply.properties), 'before') },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const asked = { ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }
      return gateway.bus.request(listDrops, asked, { context })
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
        querystring: closed({ limit: Limit, before: Type.Optional(Cursor) }),
        response: { 200: page(Type.Object(listFindings.reply.properties), 'before') },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const asked = { ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }
      return gateway.bus.request(listFindings, asked, { context })
    },
  )
}

function addWitnessed(app: App, gateway: Gateway): void {
  app.get(
    '/v1/audit/checkpoint/witnessed',
    {
      config: {
        access: 'audit:read',
        calls: [getCheckpoint],
        problems: ['gateway.witnessed-checkpoint-absent'],
      },
      schema: {
        tags,
        operationId: 'getWitnessedCheckpoint',
        summary: 'The newest checkpoint that the quorum of witnesses has cosigned',
        description:
          'A C2SP signed note with the cosignature of each witness behind the log’s own.',
        response: { 200: textAnswer('The note.') },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const { witnessedNote } = await gateway.bus.request(getCheckpoint, {}, { context })
      if (witnessedNote === undefined) throw noWitnessedCheckpoint()
      return reply.type('text/plain; charset=utf-8').send(witnessedNote)
    },
  )
}

// A size with more digits is not one that a log can have.
const Size = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })

function addTimestamps(app: App, gateway: Gateway): void {
  app.get(
    '/v1/audit/timestamps',
    {
      config: { access: 'audit:read', calls: [listTimestamps] },
      schema: {
        tags,
        operationId: 'listTimestamps',
        summary: 'The checkpoints that an authority has time-stamped, newest first',
        querystring: closed({ limit: Limit, before: Type.Optional(Size) }),
        response: { 200: page(Type.Object(listTimestamps.reply.properties), 'before') },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const asked = { ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }
      return gateway.bus.request(listTimestamps, asked, { context })
    },
  )

  app.get(
    '/v1/audit/timestamps/:size',
    {
      config: { access: 'audit:read', calls: [getTimestamp] },
      schema: {
        tags,
        operationId: 'getTimestamp',
        summary: 'The time-stamp of the checkpoint over this many entries (RFC 3161)',
        description:
          'A DER TimeStampResp over the bytes of `/v1/audit/timestamps/{size}/checkpoint`, for ' +
          '`openssl ts -verify -data <checkpoint> -in <this> -CAfile <roots>`.',
        params: closed({ size: Size }),
        response: { 200: textAnswer('Its bytes.', 'application/timestamp-reply') },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const { size } = request.params
      const found = await gateway.bus.request(getTimestamp, { size }, { context })
      const disposition = `attachment; filename="checkpoint-${size}.tsr"`
      void reply.header('Content-Disposition', disposition)
      return sendStamp(reply, Buffer.from(found.reply, 'base64'))
    },
  )

  app.get(
    '/v1/audit/timestamps/:size/checkpoint',
    {
      config: { access: 'audit:read', calls: [getTimestamp] },
      schema: {
        tags,
        operationId: 'getStampedCheckpoint',
        summary: 'The very bytes that were time-stamped: the note as the log alone signed it',
        params: closed({ size: Size }),
        response: { 200: textAnswer('The note.') },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const { size } = request.params
      const { note } = await gateway.bus.request(getTimestamp, { size }, { context })
      return reply.type('text/plain; charset=utf-8').send(note)
    },
  )
}

function sendStamp(reply: FastifyReply, der: Buffer): FastifyReply {
  return reply.type('application/timestamp-reply').send(der)
}
