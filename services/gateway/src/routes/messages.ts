import { Type } from 'typebox'
import { askAgent } from '@mumega/contracts/asks'
import { broadcastMessage, sendMessage } from '@mumega/contracts/bridge'
import { getMessage } from '@mumega/contracts/deliveries'
import { TenantId, Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { ASK_HANDLER_MS_MAX, askAndWait, Asked, Question } from '../ask-and-wait.ts'
import { ASK_EXPLAINED } from '../errors.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { contextOf, sessionOf, tenantContextOf } from '../session.ts'

const tags = ['messages']

export function addMessageRoutes(app: App, gateway: Gateway): void {
  addSendMessage(app, gateway)
  addBroadcast(app, gateway)
  addAsk(app, gateway)

  app.get(
    '/v1/messages/:messageId',
    {
      config: { access: 'messages:read', calls: [getMessage] },
      schema: {
        tags,
        operationId: 'getMessage',
        summary: 'What became of a message',
        description: 'For its sender, and for an operator who names the tenant.',
        params: closed({ messageId: Uuid }),
        querystring: closed({ tenantId: Type.Optional(TenantId) }),
        response: { 200: answer('The message’s deliveries.', getMessage.reply) },
      },
    },
    async (request) => {
      const context = tenantContextOf(sessionOf(request), request.query.tenantId)
      return gateway.bus.request(getMessage, request.params, { context })
    },
  )
}

function addSendMessage(app: App, gateway: Gateway): void {
  app.post(
    '/v1/messages',
    {
      config: { access: 'messages:send', calls: [sendMessage] },
      schema: {
        tags,
        operationId: 'sendMessage',
        summary: 'Send a message to one agent of the own tenant',
        description:
          'The sender is the token’s agent. `queued` says that the message is stored and will be ' +
          'in the inbox; nothing here ever claims that it was read. The text may have 16,384 ' +
          'bytes of UTF-8.',
        headers: IdempotencyHeaders,
        body: closed(Type.Omit(sendMessage.request, ['requestId']).properties),
        response: { 202: answer('Accepted.', sendMessage.reply) },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const message = { ...request.body, requestId: requestIdOf(request) }
      const accepted = await gateway.bus.request(sendMessage, message, { context })
      return reply.code(202).header('Location', `/v1/messages/${accepted.messageId}`).send(accepted)
    },
  )
}

function addBroadcast(app: App, gateway: Gateway): void {
  app.post(
    '/v1/broadcasts',
    {
      config: { access: 'messages:send', calls: [broadcastMessage] },
      schema: {
        tags,
        operationId: 'broadcastMessage',
        summary: 'Send a message to every other agent of the own tenant, at most 1,000',
        description: 'To those to whom the send policy of the tenant lets the sender broadcast.',
        headers: IdempotencyHeaders,
        body: closed(Type.Omit(broadcastMessage.request, ['requestId']).properties),
        response: { 202: answer('Accepted for so many.', broadcastMessage.reply) },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const message = { ...request.body, requestId: requestIdOf(request) }
      const accepted = await gateway.bus.request(broadcastMessage, message, { context })
      return reply.code(202).header('Location', `/v1/messages/${accepted.messageId}`).send(accepted)
    },
  )
}

function addAsk(app: App, gateway: Gateway): void {
  app.post(
    '/v1/asks',
    {
      handlerTimeout: ASK_HANDLER_MS_MAX,
      config: { access: 'messages:send', calls: [askAgent], problems: ['gateway.stopping'] },
      schema: {
        tags,
        operationId: 'askAgent',
        summary: 'Ask an agent and wait for its answer',
        description: ASK_EXPLAINED,
        headers: IdempotencyHeaders,
        body: closed(Question.properties),
        response: { 200: answer('The answer, or `answered: false`.', Asked) },
      },
    },
    async (request) => {
      const session = sessionOf(request)
      const question = { ...request.body, requestId: requestIdOf(request) }
      const { socket } = request
      return askAndWait({ gateway, session, context: contextOf(session), socket }, question)
    },
  )
}
