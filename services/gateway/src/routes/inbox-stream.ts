import { Type } from 'typebox'
import type { FastifyReply } from 'fastify'
import { listInbox } from '@mumega/contracts/bridge'
import { BodyName, receiveMessages } from '@mumega/contracts/deliveries'
import type { App, Gateway } from '../app.ts'
import { invalidField } from '../errors.ts'
import { sourceAfter, sourceOf, type InboxSource } from '../inbox-source.ts'
import { streamInbox } from '../inbox-stream.ts'
import { closed, positionAfter, textAnswer } from '../schemas.ts'
import { sessionOf, type Session } from '../session.ts'
import { closeTrace } from '../trace-request.ts'

const POSITION = /^[0-9]{1,15}$/

export function addInboxStreamRoute(app: App, gateway: Gateway): void {
  app.get(
    '/v1/inbox/stream',
    {
      exposeHeadRoute: false,
      config: {
        access: 'messages:read',
        calls: [listInbox, receiveMessages],
        problems: ['gateway.too-many-streams', 'gateway.streams-full', 'gateway.stopping'],
      },
      schema: {
        tags: ['inbox'],
        operationId: 'streamInbox',
        summary: 'The caller’s inbox as server-sent events',
        description:
          'Each `message` event’s id is its position and its data one message as in ' +
          '`GET /v1/inbox`. Resume with `Last-Event-ID`. With `body`, it is what ' +
          '`POST /v1/inbox/receive` gives that body, whose place is kept here: each message is ' +
          'leased, comes again until it is acknowledged, and `Last-Event-ID` says nothing. The ' +
          'last event, `end`, says in its data with which code the stream ended: ' +
          '`gateway.token-revoked`, `gateway.token-expired`, `gateway.slow-reader` or ' +
          '`gateway.stopping`.',
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String()) }),
        querystring: closed({
          after: positionAfter('Where to begin without `Last-Event-ID`. Default 0.'),
          body: Type.Optional(BodyName),
        }),
        response: { 200: textAnswer('The stream.', 'text/event-stream') },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      const source = sourceFor(gateway, session, {
        ...request.query,
        lastEventId: request.headers['last-event-id'],
      })
      await streamInbox(gateway, reply.raw, {
        session,
        agent: session.token.agent ?? '',
        source,
        open() {
          openResponse(reply)
          closeTrace(request, 200)
        },
      })
    },
  )
}

interface Place {
  body?: string
  after?: number
  lastEventId: string | undefined
}

function sourceFor(
  gateway: Gateway,
  session: Session,
  { body, after, lastEventId }: Place,
): InboxSource {
  const position = positionOf(lastEventId)
  if (body === undefined) return sourceAfter(gateway, session, position ?? after ?? 0)
  if (after !== undefined) throw invalidField('after', 'says nothing where `body` has a place')
  return sourceOf(gateway, session, body)
}

/** From here on the response is ours: Fastify neither times it out nor ends it. */
function openResponse(reply: FastifyReply): void {
  reply.hijack()
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  reply.raw.writeHead(200, {
    'Content-Type': 'text/event-stream',
    // Asks nginx, and what imitates it, not to hold events back.
    'X-Accel-Buffering': 'no',
  })
}

function positionOf(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  if (!POSITION.test(header)) throw invalidField('last-event-id', 'is not the id of an event')
  return Number(header)
}
