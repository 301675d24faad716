import {
  givenAgentToken,
  givenExpiredToken,
  givenMessage,
  givenTenant,
  openRows,
  startApi,
  type Api,
  type Call,
  type Rows,
} from './given.ts'

export interface World {
  api: Api
  rows: Rows
  tenantId: string
  ada: string
  otherTenantId: string
  otherMessageId: string
  stranger: string
  revoked: string
  expired: string
  operator: string
}

export interface Case {
  why: string
  call: (world: World) => Call
  status: number
  code: string
  /** The field that the problem must name. */
  field?: string
}

/** Two tenants with their agents, and tokens of every sort. */
export async function startWorld(): Promise<World> {
  const api = await startApi()
  const { call, operator } = api
  const tenantId = await givenTenant(api)
  const ada = (await givenAgentToken(api, { tenantId, name: 'ada' })).secret
  await givenAgentToken(api, { tenantId, name: 'bob' })
  const otherTenantId = await givenTenant(api)
  const stranger = (await givenAgentToken(api, { tenantId: otherTenantId, name: 'eve' })).secret
  await givenAgentToken(api, { tenantId: otherTenantId, name: 'mallory' })
  const message = { token: stranger, to: 'mallory', text: 'ours' }
  const otherMessageId = await givenMessage(api, message)
  const revoked = await givenAgentToken(api, { tenantId, name: 'gone' })
  await call({ method: 'DELETE', path: `/v1/tokens/${revoked.tokenId}`, token: operator })
  const expired = await givenExpiredToken(api, { tenantId, agent: 'ada' })
  const tokens = { ada, stranger, operator, revoked: revoked.secret, expired }
  return { api, rows: openRows(api), tenantId, otherTenantId, otherMessageId, ...tokens }
}

export const send = (body: unknown, headers = {}) => {
  return ({ ada }: World): Call => ({
    method: 'POST',
    path: '/v1/messages',
    token: ada,
    body,
    headers,
  })
}
export const read = (path: (world: World) => string) => {
  return (known: World): Call => ({ path: path(known), token: known.ada })
}
export const asOperator = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
) => {
  return ({ operator, tenantId }: World): Call => ({
    method,
    path: path.replace('$tenant', tenantId),
    token: operator,
    body,
  })
}
export const withToken = (token: (known: World) => string | undefined) => {
  return (known: World): Call => ({
    method: 'POST',
    path: '/v1/messages',
    token: token(known),
    body: { to: 'bob', text: 'hello' },
  })
}

export const INVALID = { status: 400, code: 'gateway.invalid-request' }
export const MALFORMED = { status: 400, code: 'gateway.malformed-json' }
export const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000'
