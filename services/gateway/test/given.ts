import { randomUUID } from 'node:crypto'
import { AGENT_SCOPES } from '@mumega/contracts/gateway'
import type { Knex } from '@mumega/db'
import { openAdmin, startTestSuite, type TestSuite, type TestSuiteOptions } from '@mumega/testkit'
import { createToken } from '../src/create-token.ts'

/** One request of the public API, as a stranger's client would make it. */
export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'OPTIONS'
  path: string
  token?: string | undefined
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The body, where it is JSON. */
  // A test reads fields of many shapes; the document is checked for each answer.
  json: Readonly<Record<string, unknown>>
  /** Of a problem. */
  code: string | undefined
}

export interface Api {
  suite: TestSuite
  operator: string
  /** Makes the call, and checks the answer against what /openapi.json says of its route. */
  call(call: Call): Promise<Answer>
  stop(): Promise<void>
}

type OnLine = NonNullable<TestSuiteOptions['onLine']>

// Each costs seconds: a test of another service asks for it.
const WHAT_AGENTS_NEED = ['audit-ledger', 'bridge', 'gateway']

interface ApiOptions {
  readonly bridge?: Record<string, string>
  readonly onLine?: OnLine
  /** Of contracts' SERVICES. */
  readonly services?: readonly string[]
}

/** The real services, with limits that a test does not meet by accident. */
export async function startApi(
  env: Record<string, string> = {},
  { bridge = {}, onLine, services = WHAT_AGENTS_NEED }: ApiOptions = {},
): Promise<Api> {
  const suite = await startTestSuite({
    services,
    env: {
      gateway: {
        MUMEGA_ANONYMOUS_RATE_LIMIT_PER_MINUTE: '100000',
        MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE: '100000',
        ...env,
      },
      bridge,
    },
    ...(onLine !== undefined && { onLine }),
  })
  const operator = await suite.operatorToken()
  const response = await fetch(`${suite.gatewayUrl}/openapi.json`)
  const check = documentedBy((await response.json()) as OpenApi)
  return {
    suite,
    operator,
    async call(call) {
      const answer = await send(suite.gatewayUrl, call)
      check(call, answer)
      return answer
    },
    stop: () => suite.stop(),
  }
}

/** Makes the call and reads the answer. */
async function send(url: string, call: Call): Promise<Answer> {
  const { method = 'GET', path, token, body, headers = {} } = call
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
  const json = (isJson && text !== '' ? JSON.parse(text) : {}) as Record<string, unknown>
  const code = typeof json['code'] === 'string' ? json['code'] : undefined
  return { status: response.status, headers: response.headers, text, json, code }
}

export interface OpenApi {
  openapi: string
  paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>
}

/** Throws when an answer's status, or its problem's code, is not documented for its route. */
function documentedBy({ paths }: OpenApi): (call: Call, answer: Answer) => void {
  const routes = Object.entries(paths).map(([path, operations]) => ({
    pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
    literals: path.split('/').filter((part) => !part.startsWith('{')).length,
    operations,
  }))
  return ({ method = 'GET', path }, { status, code }) => {
    const bare = path.split('?', 1)[0] ?? ''
    const matching = routes.filter(({ pattern }) => pattern.test(bare))
    const [route] = matching.sort((one, other) => other.literals - one.literals)
    const operation = route?.operations[method.toLowerCase()]
    if (operation === undefined) return
    const described = operation.responses[String(status)]
    if (described !== undefined && (code === undefined || described.description.includes(code)))
      return
    throw new Error(`${method} ${bare} answered ${status} ${code ?? ''}, which is not documented`)
  }
}

let tenants = 0

/** A fresh tenant. */
export async function givenTenant({ call, operator }: Api): Promise<string> {
  tenants += 1
  const tenantId = `tenant-${tenants}`
  const body = { tenantId, name: `Tenant ${tenants}` }
  const created = await call({ method: 'POST', path: '/v1/tenants', token: operator, body })
  if (created.status !== 201) throw new Error(created.text)
  return tenantId
}

/** An agent with a token of all the scopes that agents may have; its secret. */
export async function givenAgent(api: Api, tenantId: string, name: string): Promise<string> {
  const { secret } = await givenAgentToken(api, { tenantId, name })
  return secret
}

export async function givenAgentToken(
  { call, operator }: Api,
  { tenantId, name, scopes }: { tenantId: string; name: string; scopes?: string[] },
): Promise<{ tokenId: string; secret: string }> {
  const created = await call({
    method: 'POST',
    path: `/v1/tenants/${tenantId}/agents`,
    token: operator,
    body: { name, ...(scopes === undefined ? {} : { scopes }) },
  })
  if (created.status !== 201) throw new Error(created.text)
  return created.json['token'] as { tokenId: string; secret: string }
}

/** A message that was accepted; its id. */
export async function givenMessage(
  { call }: Api,
  message: { token: string; to: string; text: string },
): Promise<string> {
  const { token, ...body } = message
  const accepted = await call({ method: 'POST', path: '/v1/messages', token, body })
  if (accepted.status !== 202) throw new Error(accepted.text)
  return String(accepted.json['messageId'])
}

/** A token that was made two days ago for one day; its secret. */
export async function givenExpiredToken(
  { suite }: Api,
  { tenantId, agent }: { tenantId: string; agent: string },
): Promise<string> {
  const db = suite.database.open('gateway')
  const clock = { now: () => new Date(Date.now() - 2 * 86_400_000), realMs: (ms: number) => ms }
  const context = { tenantId, actor: { id: 'service:gateway', kind: 'service' as const } }
  const scopes = [...AGENT_SCOPES]
  const rateClass = 'standard' as const
  const order = { context, requestId: randomUUID(), kind: 'agent' as const, agent, scopes }
  return (await createToken({ db, clock }, { ...order, rateClass, expiresInDays: 1 })).secret
}

/** Whether anything of the gateway's, or of another role's, waits for a lock. */
export async function isWaiting(admin: Knex, role = 'mumega_gateway'): Promise<boolean> {
  const { rows: waiting } = await admin.raw<{ rows: unknown[] }>(
    `select from pg_stat_activity
      where usename = ? and wait_event_type = 'Lock' and datname = current_database()`,
    [role],
  )
  return waiting.length > 0
}

const WRITTEN = [
  'gateway.tenants',
  'gateway.tokens',
  'gateway.processed_requests',
  'bridge.agents',
  'bridge.messages',
  'bridge.deliveries',
  'bridge.presence',
  'bridge.send_policies',
  'bridge.processed_requests',
]

export interface Rows {
  /**
   * How many there are in every table that a request can write, and how many tokens are revoked.
   */
  count(): Promise<Record<string, number>>
  /** The tables that hold this text, as text or as bytes. */
  find(text: string): Promise<string[]>
  /** As the administrator. */
  readonly db: Knex
  close(): Promise<void>
}

/** Looks into the database as its administrator, past row-level security. */
export function openRows({ suite }: Api): Rows {
  const db = openAdmin(suite.database.adminUrl, { poolMax: 1 })
  const counts = WRITTEN.map((table) => `(select count(*)::int from ${table}) as "${table}"`)
  const revoked =
    '(select count(*)::int from gateway.tokens where revoked_at is not null) as revoked'
  return {
    async count() {
      const found = await db.raw<{ rows: Record<string, number>[] }>(
        `select ${[...counts, revoked].join(', ')}`,
      )
      return found.rows[0] ?? {}
    },
    async find(text) {
      const { rows } = await db.raw<{ rows: { schema: string; name: string }[] }>(
        `select table_schema as schema, table_name as name from information_schema.tables
          where table_schema in ('gateway', 'bridge', 'audit_ledger')
            and table_type = 'BASE TABLE'`,
      )
      const found: string[] = []
      for (const { schema, name } of rows) {
        const table = `${schema}.${name}`
        const { rows: holding } = await db.raw<{ rows: unknown[] }>(
          `select from ${table} as each
            where position(? in each::text) > 0 or position(? in each::text) > 0 limit 1`,
          [text, Buffer.from(text).toString('hex')],
        )
        if (holding.length > 0) found.push(table)
      }
      return found
    },
    db,
    close: () => db.destroy(),
  }
}
