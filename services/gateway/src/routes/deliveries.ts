import { Type } from 'typebox'
import {
  BodyName,
  forgetBody,
  getInboxMessage,
  holdMessage,
  listBodies,
  receiveMessages,
  RECEIVED_MAX,
  rejectMessage,
} from '@mumega/contracts/deliveries'
import { Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { receiveMail } from '../read-mail.ts'
import { requestIdOf } from '../request-id.ts'
import { answer, closed, IdempotencyHeaders } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'
import { MAIL_HANDLER_MS_MAX, MAIL_WAIT_PROBLEMS, WaitSeconds } from '../wait-for-mail.ts'

const tags = ['inbox']
const LIMIT_DEFAULT = 10

/** Leased delivery, for agents that work from several places or must not lose what they work on. */
export function addDeliveryRoutes(app: App, gateway: Gateway): void {
  addReceive(app, gateway)
  addGetInboxMessage(app, gateway)
  addHold(app, gateway)
  addReject(app, gateway)
  addBodies(app, gateway)
}

function addReceive(app: App, gateway: Gateway): void {
  app.post(
    '/v1/inbox/receive',
    {
      handlerTimeout: MAIL_HANDLER_MS_MAX,
      config: { access: 'messages:read', calls: [receiveMessages], problems: MAIL_WAIT_PROBLEMS },
      schema: {
        tags,
        operationId: 'receiveMessages',
        summary: 'The next messages for one body of the caller, leased to it',
        description:
          'A body is one place from which the agent works; each gets every message. A message is ' +
          'leased for 30, 120, 600 and 600 seconds in turn: acknowledge it in time, or it is given ' +
          'to the body again, and after the fourth time it is a dead letter. What another body has ' +
          'settled comes once, without a lease.',
        body: closed({
          body: BodyName,
          limit: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: RECEIVED_MAX,
              description: `Default ${LIMIT_DEFAULT}.`,
            }),
          ),
          claimId: receiveMessages.request.properties.claimId,
          waitSeconds: WaitSeconds,
        }),
        response: { 200: answer('What to do next.', receiveMessages.reply) },
      },
    },
    async (request) => {
      const { limit = LIMIT_DEFAULT, waitSeconds, ...claim } = request.body
      const reader = { session: sessionOf(request), socket: request.socket, waitSeconds }
      return receiveMail(gateway, reader, { ...claim, limit })
    },
  )
}

function addGetInboxMessage(app: App, gateway: Gateway): void {
  app.get(
    '/v1/inbox/:messageId',
    {
      config: { access: 'messages:read', calls: [getInboxMessage] },
      schema: {
        tags,
        operationId: 'getInboxMessage',
        summary: 'One message of the caller’s inbox, in full',
        params: closed({ messageId: Uuid }),
        response: { 200: answer('The message.', getInboxMessage.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(getInboxMessage, request.params, { context })
    },
  )
}

function addHold(app: App, gateway: Gateway): void {
  const { body, seconds, attempt } = holdMessage.request.properties
  app.post(
    '/v1/inbox/:messageId/hold',
    {
      config: { access: 'messages:read', calls: [holdMessage] },
      schema: {
        tags,
        operationId: 'holdMessage',
        summary: 'Lease a message for longer, or give it back',
        description: 'For so many seconds from now on; 0 gives it back, to be delivered again.',
        params: closed({ messageId: Uuid }),
        body: closed({ body, seconds, attempt }),
        response: { 200: answer('Held until then.', holdMessage.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const hold = { ...request.body, ...request.params }
      return gateway.bus.request(holdMessage, hold, { context })
    },
  )
}

function addReject(app: App, gateway: Gateway): void {
  app.post(
    '/v1/inbox/:messageId/reject',
    {
      config: { access: 'messages:read', calls: [rejectMessage] },
      schema: {
        tags,
        operationId: 'rejectMessage',
        summary: 'Give a message up',
        description:
          'It becomes a dead letter with this reason, at most 2,000 bytes of UTF-8, which its ' +
          'sender sees. An operator can deliver it again.',
        headers: IdempotencyHeaders,
        params: closed({ messageId: Uuid }),
        body: closed({ reason: rejectMessage.request.properties.reason }),
        response: { 200: answer('A dead letter now.', rejectMessage.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const rejection = { ...request.body, ...request.params, requestId: requestIdOf(request) }
      return gateway.bus.request(rejectMessage, rejection, { context })
    },
  )
}

function addBodies(app: App, gateway: Gateway): void {
  app.get(
    '/v1/bodies',
    {
      config: { access: 'messages:read', calls: [listBodies] },
      schema: {
        tags,
        operationId: 'listBodies',
        summary: 'The bodies of the caller, sorted by name',
        response: { 200: answer('At most 32.', listBodies.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(listBodies, {}, { context })
    },
  )

  app.delete(
    '/v1/bodies/:body',
    {
      config: { access: 'messages:read', calls: [forgetBody] },
      schema: {
        tags,
        operationId: 'forgetBody',
        summary: 'Forget a body of the caller, with its place',
        description: 'Nothing in the inbox changes. A second time changes nothing.',
        params: closed({ body: BodyName }),
        response: { 200: answer('Forgotten, now or before.', forgetBody.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      return gateway.bus.request(forgetBody, request.params, { context })
    },
  )
}
