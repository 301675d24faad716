import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { OPERATORS, TENANTS, TOKENS } from './bad-callers.ts'
import { BODIES, QUERIES } from './bad-requests.ts'
import { startWorld, type World } from './bad-world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld()
}, 120_000)

afterAll(async () => {
  await world.rows.close()
  await world.api.stop()
})

describe.each([
  ['a body', BODIES],
  ['a path or a query', QUERIES],
  ['a token', TOKENS],
  ['a tenant', TENANTS],
  ['an operator', OPERATORS],
])(
  'what is wrong with %s is refused with a clear problem and nothing is written',
  (_what, cases) => {
    test.each(cases)('$why', async ({ call, status, code, field }) => {
      const before = await world.rows.count()

      const answer = await world.api.call(call(world))

      expect([answer.status, answer.code]).toEqual([status, code])
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
      expect(answer.json).toMatchObject({
        type: `urn:mumega:error:${code}`,
        status,
        title: expect.stringMatching(/^[A-Z]/),
        detail: expect.stringMatching(/\.$/),
        traceId: answer.headers.get('trace-id'),
        ...(field === undefined ? {} : { field }),
      })
      expect(await world.rows.count()).toEqual(before)
    })
  },
)
