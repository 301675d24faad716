import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openEventStream, type EventStream } from './event-stream.ts'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

let api: Api
let first: string
let second: string

beforeAll(async () => {
  api = await startApi({ MUMEGA_STREAMS_PER_TENANT_MAX: '2', MUMEGA_STREAMS_MAX: '3' })
  first = await givenTenant(api)
  second = await givenTenant(api)
}, 120_000)

afterAll(async () => {
  await api.stop()
})

const open = (token: string): Promise<EventStream> =>
  openEventStream(`${api.suite.gatewayUrl}/v1/inbox/stream`, { authorization: `Bearer ${token}` })
const refusal = async (path: string, token: string) => {
  const { status, code, text } = await api.call({ path, token })
  return [status, code, text]
}

test('a tenant leaves room for others, and who finds none is not told to close what it has not', async () => {
  const streams = [
    await open(await givenAgent(api, first, 'ada')),
    await open(await givenAgent(api, first, 'bob')),
  ]
  const cyd = await givenAgent(api, first, 'cyd')
  const wait = '/v1/inbox?after=0&waitSeconds=1'
  const ofTenant = [429, 'gateway.too-many-streams', expect.stringContaining('of this tenant')]
  expect(await refusal('/v1/inbox/stream', cyd)).toEqual(ofTenant)
  expect(await refusal(wait, cyd)).toEqual(ofTenant)

  const eve = await open(await givenAgent(api, second, 'eve'))
  expect(eve.status).toBe(200)

  const fay = await givenAgent(api, second, 'fay')
  const full = [503, 'gateway.streams-full', expect.stringContaining('Try again')]
  expect(await refusal('/v1/inbox/stream', fay)).toEqual(full)
  expect(await refusal(wait, fay)).toEqual(full)
  for (const stream of [...streams, eve]) stream.close()
})
