import { Type } from 'typebox'
import { Token } from '@mumega/contracts/gateway'
import type { App } from '../app.ts'
import { answer } from '../schemas.ts'
import { sessionOf } from '../session.ts'
import { shownToken } from '../token-schemas.ts'

export function addWhoamiRoute(app: App): void {
  app.get(
    '/v1/whoami',
    {
      config: { access: 'any-token' },
      schema: {
        tags: ['tokens'],
        operationId: 'whoami',
        summary: 'The caller, as its token proves',
        response: { 200: answer('The token in use.', Type.Omit(Token, ['revokedAt'])) },
      },
    },
    async (request) => shownToken(sessionOf(request).token),
  )
}
