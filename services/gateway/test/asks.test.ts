import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

const PER_AGENT = 2

let api: Api
let tenantId: string
let bob: string
const lines: string[] = []

beforeAll(async () => {
  api = await startApi(
    {},
    {
      bridge: { BRIDGE_ASKS_WAITING_PER_AGENT_MAX: String(PER_AGENT) },
      onLine: (line) => lines.push(line),
    },
  )
  tenantId = await givenTenant(api)
  bob = await givenAgent(api, tenantId, 'bob')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const ask = (token: string, text: string) =>
  api.call({ ...{ method: 'POST', path: '/v1/asks', token }, body: questionOf(text) })

const questionOf = (text: string) => ({ to: 'bob', text, timeoutSeconds: 60 })

/** The ids of the questions in bob's inbox with such a text, once there are so many. */
async function questions(text: string, count: number): Promise<string[]> {
  return eventually(
    async () => {
      const { json } = await api.call({ path: '/v1/inbox?limit=100', token: bob })
      const asked = json['messages'] as { text: string; messageId: string }[]
      const found = asked.filter((message) => message.text === text)
      return found.length === count && found.map(({ messageId }) => messageId)
    },
    { what: `${count} questions` },
  )
}

async function answer(to: string, questionIds: readonly string[]): Promise<void> {
  for (const replyTo of questionIds) {
    const body = { to, text: 'yes', replyTo }
    await api.call({ method: 'POST', path: '/v1/messages', token: bob, body })
  }
}

test('an agent that asks too much at once is told to wait, and that is no fault of ours', async () => {
  const ada = await givenAgent(api, tenantId, 'ada')
  const waiting = Array.from({ length: PER_AGENT }, () => ask(ada, 'one?'))
  const asked = await questions('one?', PER_AGENT)

  const refused = await ask(ada, 'one too many?')

  expect([refused.status, refused.code]).toEqual([429, 'bridge.too-many-asks'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.json['detail']).toMatch(/of this agent .*Nothing was sent\. Wait until/)
  await answer('ada', asked)
  expect((await Promise.all(waiting)).map(({ json }) => json['answered'])).toEqual([true, true])
  expect(lines.filter((line) => line.includes('too-many-asks'))).toEqual([])
})
