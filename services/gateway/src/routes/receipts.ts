import { Type } from 'typebox'
import { getMessage } from '@mumega/contracts/deliveries'
import { getReceipt } from '@mumega/contracts/audit-ledger'
import { mapOf, ServiceName, Sha256Hex, TenantId, Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { readDisclosure, readMessageReceipt, readReceipt, type Receipt } from '../read-receipt.ts'
import { answer, closed, textAnswer } from '../schemas.ts'
import { contextOf, sessionOf, tenantContextOf } from '../session.ts'
import { waitForAnswer } from '../wait-for-answer.ts'
import type { FastifyReply } from 'fastify'

const tags = ['audit']
const RECEIPT_EXPLAINED =
  'A C2SP `tlog-proof` that `mumega verify <file>` checks offline. While no signed checkpoint ' +
  'covers the entry yet, the receipt lacks it, and `Retry-After` says when to ask again.'
const receiptAnswer = {
  ...textAnswer(RECEIPT_EXPLAINED),
  headers: { 'Retry-After': { type: 'integer', description: 'Present while it is not anchored.' } },
}

export function addReceiptRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/messages/:messageId/receipt',
    {
      config: {
        access: 'audit:read',
        calls: [getReceipt, getMessage],
        problems: ['gateway.receipt-pending', 'gateway.stopping'],
      },
      schema: {
        tags,
        operationId: 'getMessageReceipt',
        summary: 'The audit receipt of a message',
        params: closed({ messageId: Uuid }),
        querystring: closed({ tenantId: Type.Optional(TenantId) }),
        response: { 200: receiptAnswer },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      const context = tenantContextOf(session, request.query.tenantId)
      const reading = readMessageReceipt(gateway, context, request.params.messageId)
      return sendReceipt(reply, await waitForAnswer(gateway, session, reading))
    },
  )

  app.get(
    '/v1/audit/receipts/:source/:id',
    {
      config: { access: 'audit:read', calls: [getReceipt], problems: ['gateway.stopping'] },
      schema: {
        tags,
        operationId: 'getReceipt',
        summary: 'The receipt of any entry on the tenant’s chain',
        description: 'An operator sees the substrate’s chain, or that of the tenant it names.',
        params: closed({ source: ServiceName, id: Uuid }),
        querystring: closed({ tenantId: Type.Optional(TenantId) }),
        response: { 200: receiptAnswer },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      const context = contextOf(session, request.query.tenantId)
      const reading = readReceipt(gateway, context, request.params)
      return sendReceipt(reply, await waitForAnswer(gateway, session, reading))
    },
  )
  addDisclosure(app, gateway)
}

function addDisclosure(app: App, gateway: Gateway): void {
  const Disclosure = Type.Union([
    Type.Object({ salt: Sha256Hex, payload: mapOf(Type.Unknown()) }),
    Type.Object({ redacted: Type.Literal(true), receipt: Type.String() }),
  ])
  app.get(
    '/v1/audit/receipts/:source/:id/disclosure',
    {
      config: {
        access: 'audit:read',
        calls: [getReceipt, getMessage],
        problems: ['gateway.receipt-pending', 'gateway.stopping'],
      },
      schema: {
        tags,
        operationId: 'getDisclosure',
        summary: 'The salt and the payload behind an entry’s commitment',
        description:
          'For operators; an agent may have those of the messages it sent. After an erasure it is ' +
          'the receipt of the entry that tells of it. `mumega verify --payload` reads both.',
        params: closed({ source: ServiceName, id: Uuid }),
        querystring: closed({ tenantId: Type.Optional(TenantId) }),
        response: { 200: answer('What the entry commits to.', Disclosure) },
      },
    },
    async (request) => {
      const session = sessionOf(request)
      const context = contextOf(session, request.query.tenantId)
      return waitForAnswer(gateway, session, readDisclosure(gateway, context, request.params))
    },
  )
}

function sendReceipt(reply: FastifyReply, { entry, anchored, text }: Receipt): FastifyReply {
  if (!anchored) void reply.header('Retry-After', '1')
  // Both parts were checked against their patterns: nothing in them can end the header.
  const fileName = `${entry.source}-${entry.id}.tlog-proof`
  return reply
    .type('text/plain; charset=utf-8')
    .header('Content-Disposition', `attachment; filename="${fileName}"`)
    .send(text)
}
