import type { Answer, Api } from './given.ts'

export interface GivenToken {
  tokenId: string
  secret: string
}

/** Asks for a child of the token, as its holder would. */
export function delegate(
  { call }: Api,
  token: string,
  { key, ...body }: { key?: string; scopes?: readonly string[]; [field: string]: unknown },
): Promise<Answer> {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return call({ method: 'POST', path: '/v1/tokens/delegate', token, body, headers })
}

/** A child of the token. */
export async function givenChild(
  api: Api,
  token: string,
  body: { scopes: string[]; rateClass?: string },
): Promise<GivenToken> {
  const made = await delegate(api, token, body)
  if (made.status !== 201) throw new Error(made.text)
  return made.json as unknown as GivenToken
}

export function revokeBy({ call }: Api, token: string, tokenId: string): Promise<Answer> {
  return call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token })
}

/** What /v1/whoami says of the token: its code, when it is refused. */
export async function stateOf({ call }: Api, { secret }: GivenToken): Promise<unknown> {
  const { status, code } = await call({ path: '/v1/whoami', token: secret })
  return status === 200 ? 'live' : code
}

/** The tokens of a tenant as its list shows them, by id. */
export async function listed(
  { call, operator }: Api,
  tenantId: string,
): Promise<Map<string, Readonly<Record<string, unknown>>>> {
  const { json } = await call({
    path: `/v1/tokens?tenantId=${tenantId}&limit=100`,
    token: operator,
  })
  const tokens = json['tokens'] as { tokenId: string }[]
  return new Map(tokens.map((token) => [token.tokenId, token]))
}
