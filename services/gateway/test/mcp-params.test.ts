import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenAgent, givenTenant, startApi, type Api } from './given.ts'

let api: Api
let token: string

beforeAll(async () => {
  api = await startApi()
  token = await givenAgent(api, await givenTenant(api), 'ada')
}, 120_000)

afterAll(async () => {
  await api.stop()
})

/** A JSON-RPC request by bare HTTP, as no client of a library would make it. */
async function call(method: string, params?: unknown) {
  const headers = { accept: 'application/json, text/event-stream' }
  const body = { jsonrpc: '2.0', id: 7, method, ...(params === undefined ? {} : { params }) }
  const { status, json } = await api.call({ method: 'POST', path: '/mcp', token, headers, body })
  expect(status).toBe(200)
  expect(json).toMatchObject({ jsonrpc: '2.0', id: 7 })
  return json
}

const TOOL = /To mend it, send params as \{"name": "<tool>", "arguments": \{…\}\}/

test.each([
  ['tools/call', undefined, 'params', TOOL],
  ['tools/call', {}, 'params.name', TOOL],
  ['tools/call', { name: 7 }, 'params.name', /expected string, received number\. To mend it/],
  ['tools/call', { name: 'whoami', arguments: 'me' }, 'params.arguments', TOOL],
  ['tools/call', { name: 'whoami', arguments: [] }, 'params.arguments', TOOL],
  ['tools/list', { cursor: 7 }, 'params.cursor', /leave params out/],
  ['initialize', {}, 'params.protocolVersion', /an MCP client writes it/],
])('params of %s that are %j are refused with the field and the remedy', async (...row) => {
  const [method, params, field, remedy] = row

  const { error } = (await call(method, params)) as { error: Record<string, unknown> }

  expect(error).toEqual({ code: -32_602, message: expect.any(String), data: { field } })
  expect(error['message']).toMatch(remedy)
  expect(error['message']).toMatch(new RegExp(`^${field} of ${method} is wrong: [^[{"]+\\.`))
})

test('params that are as they should be go their way', async () => {
  const called = await call('tools/call', { name: 'whoami', arguments: {}, _meta: { a: 1 } })
  expect(called['result']).toMatchObject({ structuredContent: { agent: 'ada' } })
  expect((await call('ping'))['result']).toEqual({})
  expect((await call('tools/list', {}))['result']).toMatchObject({ tools: expect.any(Array) })
  const unknown = (await call('tools/call', { name: 'sudo' }))['error']
  expect(unknown).toMatchObject({ code: -32_602, message: expect.stringMatching(/no tool sudo/) })
})
