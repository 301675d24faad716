import { expect, test } from '@jest/globals'
import { AGENT_SCOPES, type Scope } from '@mumega/contracts/gateway'
import { agentScopes, grantedScopes, hashOf, looksLikeSecret, newSecret } from './token.ts'

test('a secret says its kind and holds 32 random bytes', () => {
  const secret = newSecret('operator')

  expect(secret).toMatch(/^mmg_operator_[A-Za-z0-9_-]{43}$/)
  expect(looksLikeSecret(secret)).toBe(true)
  expect(newSecret('operator')).not.toBe(secret)
  expect(hashOf(secret)).toHaveLength(32)
})

test.each(['', 'mmg_agent_', `mmg_root_${'a'.repeat(43)}`, `mmg_agent_${'a'.repeat(44)}`, `x\n`])(
  'what cannot be a secret never reaches the database: %j',
  (text) => {
    expect(looksLikeSecret(text)).toBe(false)
  },
)

test('an agent gets what it may have, never what its maker lacks or agents may not hold', () => {
  const all: Scope[] = [...AGENT_SCOPES, 'tenants:write']

  expect(agentScopes(all, undefined)).toEqual(AGENT_SCOPES)
  expect(agentScopes(all, ['messages:read', 'messages:read'])).toEqual(['messages:read'])
  expect(() => agentScopes(all, ['tenants:write'])).toThrow('An agent cannot hold tenants:write')
  expect(() => agentScopes(['messages:read'], ['messages:send'])).toThrow('it lacks messages:send')
  expect(() => grantedScopes([], ['audit:read'])).toThrow('it lacks audit:read')
})

test('who reads memory gives circles to agents, and nobody else does who is not in them', () => {
  const asked: Scope[] = ['messages:read', 'squad:core', 'entity:acme']
  expect(agentScopes(['messages:read', 'memory:read'], asked)).toEqual(asked)
  expect(() => agentScopes(['messages:read', 'memory:write'], asked)).toThrow('lacks squad:core')
  expect(agentScopes([...AGENT_SCOPES, 'squad:core'], undefined)).toEqual(AGENT_SCOPES)
})
