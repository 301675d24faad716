import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { authenticateToken, type Scope } from '@mumega/contracts/gateway'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import { givenAgentToken, givenTenant, startApi, type Api } from './given.ts'

const context = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:bridge', kind: 'service' as const },
}

let api: Api
let bridge: Bus
beforeAll(async () => {
  api = await startApi()
  bridge = await api.suite.bus('bridge')
}, 120_000)
afterAll(async () => {
  await api.stop()
})

function authenticate(secret: string, scope: Scope = 'messages:send') {
  const tokenSha256 = createHash('sha256').update(secret).digest('hex')
  return bridge.request(authenticateToken, { tokenSha256, scope }, { context })
}

const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  )

test('another door learns whose a live token is, and of no other token anything', async () => {
  const tenantId = await givenTenant(api)
  const { tokenId, secret } = await givenAgentToken(api, { tenantId, name: 'ada' })

  expect(await authenticate(secret)).toEqual({ tokenId, kind: 'agent', tenantId, agent: 'ada' })
  expect(await authenticate(api.operator, 'tenants:read')).toMatchObject({ kind: 'operator' })
  expect(await codeOf(authenticate(secret, 'audit:redact'))).toBe('gateway.scope-missing')
  expect(await codeOf(authenticate(`${secret}x`))).toBe('gateway.token-unknown')

  await api.call({ method: 'DELETE', path: `/v1/tokens/${tokenId}`, token: api.operator })
  expect(await codeOf(authenticate(secret))).toBe('gateway.token-revoked')
})
