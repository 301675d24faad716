import { Type } from 'typebox'
import { listDeadLetters, replayDeadLetter } from '@mumega/contracts/dead-letters'
import { Cursor, Uuid } from '@mumega/contracts/scalars'
import type { App, Gateway } from '../app.ts'
import { askOnce } from '../ask-once.ts'
import { answer, closed, IdempotencyHeaders, Limit, page, PAGE_DEFAULT } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'

const tags = ['operations']

export function addDeadLetterRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/dead-letters',
    {
      config: { access: 'operations:read', calls: [listDeadLetters] },
      schema: {
        tags,
        operationId: 'listDeadLetters',
        summary: 'What consumers gave up, newest first',
        querystring: closed({ limit: Limit, before: Type.Optional(Cursor) }),
        response: {
          200: page(listDeadLetters.reply, 'before'),
        },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const page = { ...request.query, limit: request.query.limit ?? PAGE_DEFAULT }
      return gateway.bus.request(listDeadLetters, page, { context })
    },
  )

  app.post(
    '/v1/dead-letters/:deadLetterId/replay',
    {
      config: { access: 'operations:write', calls: [replayDeadLetter] },
      schema: {
        tags,
        operationId: 'replayDeadLetter',
        summary: 'Hand a dead letter to its consumer once more',
        headers: IdempotencyHeaders,
        params: closed({ deadLetterId: Uuid }),
        response: { 200: answer('Its consumer took it.', replayDeadLetter.reply) },
      },
    },
    async (request) => {
      const context = contextOf(sessionOf(request))
      const content = request.params
      return askOnce(gateway, request, { context, contract: replayDeadLetter, content })
    },
  )
}
