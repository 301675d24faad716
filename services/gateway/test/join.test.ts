import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { givenTenant, startApi, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { callTool, mcpClient } from './given-mcp.ts'
import { plainCall } from './slow-request.ts'

let api: Api
let tenantId: string

beforeAll(async () => {
  api = await startApi()
  tenantId = await givenTenant(api)
}, 120_000)

afterAll(async () => {
  await api.stop()
})

interface Connected {
  readonly connection: {
    readonly mcpUrl: string
    readonly claudeCode: {
      mcpServers: { mumega: { url: string; headers: { Authorization: string } } }
    }
    readonly codex: string
    readonly curl: string
  }
  readonly token: { readonly secret: string }
}

async function joined(body: object): Promise<Connected> {
  const path = `/v1/tenants/${tenantId}/agents`
  const made = await api.call({ method: 'POST', path, token: api.operator, body })
  expect(made.status).toBe(201)
  return made.json as unknown as Connected
}

test('one call gives what the agent’s client needs, and the client is that agent', async () => {
  const { connection, token } = await joined({ name: 'ada' })

  const { url, headers } = connection.claudeCode.mcpServers.mumega
  expect(url).toBe(`${api.suite.gatewayUrl}/mcp`)
  expect(connection.mcpUrl).toBe(url)
  expect(connection.codex).toBe(
    `[mcp_servers.mumega]\nurl = "${url}"\n` +
      `http_headers = { "Authorization" = "Bearer ${token.secret}" }\n`,
  )
  const secret = headers.Authorization.replace('Bearer ', '')
  const client = await mcpClient(url.replace(/\/mcp$/, ''), secret)
  expect((await callTool(client, 'whoami')).json).toMatchObject({ tenantId, agent: 'ada' })
  await client.close()
})

test('an agent that may not both send and read proves who it is instead', async () => {
  const { connection } = await joined({ name: 'reader', scopes: ['messages:read'] })

  expect(connection.curl).toMatch(/^curl [^&]*\/v1\/whoami'$/)
})

test.each(['a.example$(id)', "a'b", 'a;b', 'a b'])(
  'under the Host %j nobody joins: it would stand in a command that is pasted into a shell',
  async (host) => {
    const answer = await plainCall(api.suite.gatewayUrl, {
      ...{ method: 'POST', path: `/v1/tenants/${tenantId}/agents` },
      headers: {
        ...{ host, 'content-type': 'application/json' },
        authorization: `Bearer ${api.operator}`,
      },
      body: Buffer.from('{"name":"nobody"}'),
    })
    expect(answer.status).toBe(400)

    const path = `/v1/tenants/${tenantId}/agents`
    const { json } = await api.call({ path, token: api.operator })
    expect(JSON.stringify(json)).not.toContain('nobody')
  },
)

const joinWords = (name: string, ...more: string[]) => [
  ...['agent', 'join', name, '--tenant', tenantId, '--url', api.suite.gatewayUrl],
  ...more,
]

test('mumega agent join prints the same, once: the name is taken then', async () => {
  const words = joinWords(
    'cleo',
    '--scopes',
    'messages:read,messages:send',
    '--days',
    '2',
    '--json',
  )
  const first = await mumega(words, api.operator)
  const second = await mumega(words, api.operator)

  expect(first).toMatchObject({ code: 0, stderr: '' })
  const { token, connection } = JSON.parse(first.stdout) as Connected
  expect(connection.curl).toContain(token.secret)
  const me = await api.call({ path: '/v1/whoami', token: token.secret })
  expect(me.json).toMatchObject({ agent: 'cleo', scopes: ['messages:read', 'messages:send'] })
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toContain('gateway.agent-exists')
})

test('mumega agent join says what was wrong, and shows no secret', async () => {
  const nobody = await mumega(joinWords('dora'), `mmg_operator_${'a'.repeat(43)}`)
  expect(nobody).toMatchObject({ code: 1, stdout: '' })
  expect(nobody.stderr).toContain('gateway.token-unknown')

  for (const [words, token, told] of [
    [joinWords('dora'), undefined, 'Put an operator’s token with the scope agents:write into'],
    [joinWords('dora'), 'hunter2', 'MUMEGA_TOKEN holds no token'],
    [['agent', 'join', 'dora'], api.operator, '--tenant'],
    [['agent', 'leave', 'dora'], api.operator, 'mumega agent join'],
    [joinWords('dora', '--days', '0'), api.operator, '--days'],
    ...['ftp://a', 'http://me:hunter2@gateway', 'http://gateway:hunter2', 'http://a/b'].map(
      (url) => [[...joinWords('dora').slice(0, -1), url], api.operator, '--url'] as const,
    ),
    // In the wrong place it is as secret.
    [[api.operator, 'join', 'dora'], api.operator, 'There is no command "mmg_…"'],
    [joinWords('dora', `--token=${api.operator}`), api.operator, '--token'],
  ] as const) {
    const refused = await mumega(words, token)
    expect(refused).toMatchObject({ code: 64, stdout: '' })
    expect(refused.stderr).toContain(told)
    expect(refused.stderr).not.toContain('hunter2')
    expect(refused.stderr).not.toContain(api.operator)
  }
})
