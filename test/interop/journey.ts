import { randomUUID } from 'node:crypto'
import { eventually, type TestSuite } from '@mumega/testkit'

/** What one message left behind. */
export interface Journey {
  messageId: string
  /** Of the request that sent it. */
  traceId: string
  /** The receipt, with the checkpoint that covers it. */
  receipt: string
  vkey: string
}

interface Call {
  token: string
  body?: unknown
}

/**
 * Sends one message from one agent to another through the public API, and waits for its receipt.
 */
export async function sendOneMessage(suite: TestSuite): Promise<Journey> {
  const url = suite.gatewayUrl
  const operator = await suite.operatorToken()
  const tenantId = `interop-${randomUUID().slice(0, 8)}`
  await call(`${url}/v1/tenants`, { token: operator, body: { tenantId, name: 'Interop' } })
  const token = await agentToken(suite, { operator, tenantId, name: 'ada' })
  await agentToken(suite, { operator, tenantId, name: 'bob' })

  const sent = await call(`${url}/v1/messages`, { token, body: { to: 'bob', text: 'Hello.' } })
  const { messageId } = JSON.parse(sent.text) as { messageId: string }
  const traceId = sent.headers.get('trace-id') ?? ''
  const receipt = await eventually(() => anchoredReceipt(url, { token, messageId }), {
    what: 'the receipt of the message is anchored',
  })
  const { text: vkey } = await call(`${url}/v1/audit/key`, { token })
  return { messageId, traceId, receipt, vkey }
}

/** The token of a new agent of a new tenant. */
export async function givenAgentToken(suite: TestSuite): Promise<string> {
  const operator = await suite.operatorToken()
  const tenantId = `interop-${randomUUID().slice(0, 8)}`
  await call(`${suite.gatewayUrl}/v1/tenants`, {
    token: operator,
    body: { tenantId, name: 'Interop' },
  })
  return agentToken(suite, { operator, tenantId, name: 'ada' })
}

/** Agents of a new tenant, and the token of each. */
export async function givenAgents(
  suite: TestSuite,
  names: readonly string[],
): Promise<{ tenantId: string; tokens: string[] }> {
  const operator = await suite.operatorToken()
  const tenantId = `interop-${randomUUID().slice(0, 8)}`
  const body = { tenantId, name: 'Interop' }
  await call(`${suite.gatewayUrl}/v1/tenants`, { token: operator, body })
  const tokens: string[] = []
  for (const name of names) tokens.push(await agentToken(suite, { operator, tenantId, name }))
  return { tenantId, tokens }
}

/** Sends a message through the public API, and gives its id. */
export async function sendAs(suite: TestSuite, token: string, body: object): Promise<string> {
  const { text } = await call(`${suite.gatewayUrl}/v1/messages`, { token, body })
  return (JSON.parse(text) as { messageId: string }).messageId
}

async function agentToken(
  suite: TestSuite,
  { operator, tenantId, name }: { operator: string; tenantId: string; name: string },
): Promise<string> {
  const url = `${suite.gatewayUrl}/v1/tenants/${tenantId}/agents`
  const { text } = await call(url, { token: operator, body: { name } })
  const made = JSON.parse(text) as { token: { secret: string } }
  return made.token.secret
}

async function anchoredReceipt(
  url: string,
  { token, messageId }: { token: string; messageId: string },
): Promise<string | undefined> {
  const answer = await fetch(`${url}/v1/messages/${messageId}/receipt`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  // Sealed within moments, and signed within a second: until then there is no whole receipt.
  if (answer.status === 503 || answer.headers.has('retry-after')) return undefined
  if (!answer.ok) throw new Error(`receipt: ${answer.status} ${text}`)
  return text
}

async function call(
  url: string,
  { token, body }: Call,
): Promise<{ text: string; headers: Headers }> {
  const answer = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`)
  return { text, headers: answer.headers }
}
