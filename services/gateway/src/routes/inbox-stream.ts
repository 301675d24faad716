import { Type } from 'typebox'
import type { FastifyReply } from 'fastify'
import { listInbox } from '@mumega/contracts/bridge'
import type { App, Gateway } from '../app.ts'
import { invalidField } from '../errors.ts'
import { readPage, streamInbox } from '../inbox-stream.ts'
import { closed, positionAfter, textAnswer } from '../schemas.ts'
import { sessionOf } from '../session.ts'
import { closeTrace } from '../trace-request.ts'

const POSITION = /^[0-9]{1,15}$/

export function addInboxStreamRoute(app: App, gateway: Gateway): void {
  app.get(
    '/v1/inbox/stream',
    {
      exposeHeadRoute: false,
      config: {
        access: 'messages:read',
        calls: [listInbox],
        problems: ['gateway.too-many-streams', 'gateway.stopping'],
      },
      schema: {
        tags: ['inbox'],
        operationId: 'streamInbox',
        summary: 'The caller’s inbox as server-sent events',
        description:
          'Each `message` event’s id is its position and its data one message as in ' +
          '`GET /v1/inbox`. Resume with `Last-Event-ID`. The last event, `end`, says in its data ' +
          'with which code the stream ended: `gateway.token-revoked`, `gateway.token-expired`, ' +
          '`gateway.slow-reader` or `gateway.stopping`.',
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String()) }),
        querystring: closed({
          after: positionAfter('Where to begin without `Last-Event-ID`. Default 0.'),
        }),
        response: { 200: textAnswer('The stream.', 'text/event-stream') },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      const after = positionOf(request.headers['last-event-id']) ?? request.query.after ?? 0
      // What would refuse the stream is answered as a problem, before it is one.
      await readPage(gateway, { session, after })
      const opened = streamInbox(gateway, reply.raw, {
        session,
        agent: session.token.agent ?? '',
        after,
        open: () => openResponse(reply),
      })
      closeTrace(request, 200)
      await opened
    },
  )
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
