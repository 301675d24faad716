import { Type } from 'typebox'
import { listInbox, recordHeartbeat } from '@mumega/contracts/bridge'
import { acknowledgeMessage } from '@mumega/contracts/deliveries'
import { Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { listMail } from '../read-mail.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders, page, positionAfter } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'
import { MAIL_HANDLER_MS_MAX, MAIL_WAIT_PROBLEMS, WaitSeconds } from '../wait-for-mail.ts'

const tags = ['inbox']
const LIMIT_DEFAULT = 50

export function addInboxRoutes(app: App, gateway: Gateway): void {
  addListInbox(app, gateway)

  app.post(
    '/v1/inbox/:messageId/ack',
    {
      config: { access: 'messages:read', calls: [acknowledgeMessage] },
      schema: {
        tags,
        operationId: 'acknowledgeMessage',
        summary: 'Mark a message as dealt with',
        description: 'A second time changes nothing.',
        headers: IdempotencyHeaders,
        params: closed({ messageId: Uuid }),
        response: { 200: answer('Acknowledged, now or before.', acknowledgeMessage.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const { messageId } = request.params
      const acknowledgement = { requestId: requestIdOf(request), messageId }
      return gateway.bus.request(acknowledgeMessage, acknowledgement, { context })
    },
  )

  app.post(
    '/v1/heartbeats',
    {
      config: { access: 'heartbeats:write', calls: [recordHeartbeat] },
      schema: {
        tags,
        operationId: 'recordHeartbeat',
        summary: 'Say that the calling agent is alive',
        description:
          'An agent writes its own heartbeat only; `agent`, when sent, must be its name.',
        body: closed(recordHeartbeat.request.properties),
        response: { 200: answer('Recorded.', recordHeartbeat.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(recordHeartbeat, request.body, { context })
    },
  )
}

function addListInbox(app: App, gateway: Gateway): void {
  app.get(
    '/v1/inbox',
    {
      handlerTimeout: MAIL_HANDLER_MS_MAX,
      config: { access: 'messages:read', calls: [listInbox], problems: MAIL_WAIT_PROBLEMS },
      schema: {
        tags,
        operationId: 'listInbox',
        summary: 'The caller’s inbox after a position, oldest first',
        querystring: closed({
          after: positionAfter('Default 0: the start.'),
          limit: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 100, description: `Default ${LIMIT_DEFAULT}.` }),
          ),
          unreadOnly: Type.Optional(
            Type.Boolean({
              description: 'Leaves out what is settled: acknowledged, expired, or a dead letter.',
            }),
          ),
          waitSeconds: WaitSeconds,
        }),
        response: {
          200: page(listInbox.reply, 'after'),
        },
      },
    },
    async (request) => {
      const { after = 0, limit = LIMIT_DEFAULT, unreadOnly = false, waitSeconds } = request.query
      const reader = { session: sessionOf(request), socket: request.socket, waitSeconds }
      return listMail(gateway, reader, { after, limit, unreadOnly })
    },
  )
}
