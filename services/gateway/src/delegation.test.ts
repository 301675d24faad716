import { describe, expect, test } from '@jest/globals'
import type { Scope } from '@mumega/contracts/gateway'
import { childOf, descendsFrom } from './delegation.ts'
import { contextOf, principalOf } from './session.ts'
import { grantedRateClass, rootToken, type Token } from './token.ts'

const NOW = new Date('2026-01-01T00:00:00Z')
const inDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000)

function rootOf(more: Partial<Token> = {}): Token {
  const scopes: Scope[] = ['audit:read', 'log:read', 'tokens:read']
  const life = { createdAt: NOW, expiresAt: inDays(365) }
  const who = { kind: 'operator' as const, tenantId: 'substrate', agent: undefined }
  const root = rootToken({ tokenId: 'root', ...who, scopes, rateClass: 'elevated', ...life })
  return { ...root, ...more }
}

const root = rootOf()
const child = childOf(root, { scopes: ['audit:read', 'log:read'] }, NOW)
const last = childOf(child, { scopes: ['audit:read'] }, NOW)

test('whatever a child acts as, it acts as its root', () => {
  for (const token of [root, child, last]) {
    const session = { token, tokenHash: Buffer.alloc(32) }
    expect(contextOf(session).actor).toEqual({ id: 'operator:root', kind: 'human' })
    expect(contextOf(session).tokenId).toBe(token.tokenId)
    expect(principalOf(session)).toBe('operator:root')
  }
})

test('a token descends from what is above it, and not from itself or what is beside it', () => {
  const sibling = childOf(root, { scopes: ['audit:read'] }, NOW)
  const pairs = [root, child, last, sibling].map((token) =>
    [root, child, last, sibling].map((other) => descendsFrom(token, other.tokenId)),
  )

  expect(pairs).toEqual([
    [false, false, false, false],
    [true, false, false, false],
    [true, true, false, false],
    [true, false, false, false],
  ])
})

describe('a child', () => {
  test.each([
    [365, undefined, 90],
    [30, undefined, 30],
    [30, 365, 30],
    [30, 1, 1],
  ])('of a token that has %i days, asked for %p, has %i', (days, expiresInDays, expected) => {
    const parent = rootOf({ expiresAt: inDays(days) })
    const asked = expiresInDays === undefined ? {} : { expiresInDays }

    const { expiresAt } = childOf(parent, { scopes: ['audit:read'], ...asked }, NOW)

    expect(expiresAt).toEqual(inDays(expected))
  })

  test('has the rate class of its parent or a lesser one', () => {
    const scopes: Scope[] = ['audit:read']
    const standard = rootOf({ rateClass: 'standard' })

    expect(childOf(root, { scopes }, NOW).rateClass).toBe('elevated')
    expect(childOf(root, { scopes, rateClass: 'standard' }, NOW).rateClass).toBe('standard')
    expect(childOf(standard, { scopes }, NOW).rateClass).toBe('standard')
    expect(() => childOf(standard, { scopes, rateClass: 'elevated' }, NOW)).toThrow('elevated')
  })

  test('of the deepest token is none', () => {
    expect(() => childOf(last, { scopes: ['audit:read'] }, NOW)).toThrow('depth 3')
  })
})

test('the rate class of a token that is not delegated is at most its maker’s', () => {
  expect(grantedRateClass('elevated', 'operator', undefined)).toBe('elevated')
  expect(grantedRateClass('elevated', 'agent', undefined)).toBe('standard')
  expect(grantedRateClass('elevated', 'agent', 'elevated')).toBe('elevated')
  expect(grantedRateClass('standard', 'operator', undefined)).toBe('standard')
  expect(() => grantedRateClass('standard', 'operator', 'elevated')).toThrow('elevated')
})
