import { createHash, randomBytes } from 'node:crypto'
import { AGENT_SCOPES, isCircle, type RateClass, type Scope } from '@mumega/contracts/gateway'
import { rateClassNotHeld, scopeNotForAgents, scopeNotHeld } from './errors.ts'

export type TokenKind = 'operator' | 'agent'

export interface Token {
  tokenId: string
  kind: TokenKind
  tenantId: string
  /** Present exactly for agents' tokens. */
  agent: string | undefined
  scopes: Scope[]
  rateClass: RateClass
  createdAt: Date
  expiresAt: Date
  /** Its own revocation or an ancestor's, whichever came first. */
  revokedAt: Date | undefined
  /** Of the token that made this one of itself. */
  parentTokenId: string | undefined
  /** Of the first token of its tree, which may be itself. */
  rootTokenId: string
  /** 1 for a root, at most TOKEN_DEPTH_MAX. */
  depth: number
}

// Kinds are lower-case words; 32 bytes are 43 characters of base64url.
const SECRET = /^mmg_(operator|agent)_[A-Za-z0-9_-]{43}$/
const DAY_MS = 86_400_000
export const EXPIRY_DAYS_DEFAULT = 90
export const EXPIRY_DAYS_MAX = 365
export const RATE_CLASS_DEFAULT: Readonly<Record<TokenKind, RateClass>> = {
  operator: 'elevated',
  agent: 'standard',
}

/** A new secret: shown once, never stored. */
export function newSecret(kind: TokenKind): string {
  return `mmg_${kind}_${randomBytes(32).toString('base64url')}`
}

/** Whether `text` could be a secret of ours; what could not never reaches the database. */
export function looksLikeSecret(text: string): boolean {
  return SECRET.test(text)
}

/**
 * What is stored of a secret. Looking a token up by it leaks nothing by its timing: the hash cannot
 * be steered.
 */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

type Root = Omit<Token, 'revokedAt' | 'parentTokenId' | 'rootTokenId' | 'depth'>

/** A token that is made without another. */
export function rootToken(token: Root): Token {
  const lineage = { parentTokenId: undefined, rootTokenId: token.tokenId, depth: 1 }
  return { ...token, revokedAt: undefined, ...lineage }
}

export function expiryOf(createdAt: Date, expiresInDays: number): Date {
  return new Date(createdAt.getTime() + expiresInDays * DAY_MS)
}

/**
 * The scopes of an agent's new token, made by an operator: those asked for, or every one that an
 * agent has. An operator who reads memory belongs to every circle, and so may have others belong.
 */
export function agentScopes(held: readonly Scope[], asked: readonly Scope[] | undefined): Scope[] {
  if (asked === undefined) return grantedScopes(held, AGENT_SCOPES)
  const forbidden = asked.find((scope) => !AGENT_SCOPES.includes(scope) && !isCircle(scope))
  if (forbidden !== undefined) throw scopeNotForAgents(forbidden)
  const circles = held.includes('memory:read') ? asked.filter(isCircle) : []
  return grantedScopes([...held, ...circles], asked)
}

/**
 * The rate class of a new token: the one asked for, or the usual one of its
 * kind as far as its maker has it.
 *
 * @throws gateway.rate-class-not-held
 */
export function grantedRateClass(
  held: RateClass,
  kind: TokenKind,
  asked: RateClass | undefined,
): RateClass {
  if (asked === undefined) return held === 'standard' ? held : RATE_CLASS_DEFAULT[kind]
  if (asked === 'elevated' && held === 'standard') throw rateClassNotHeld()
  return asked
}

/**
 * The scopes asked for, each once.
 *
 * @throws gateway.scope-not-held for one that the minter lacks.
 */
export function grantedScopes(held: readonly Scope[], asked: readonly Scope[]): Scope[] {
  const missing = asked.find((scope) => !held.includes(scope))
  if (missing !== undefined) throw scopeNotHeld(missing)
  return [...new Set(asked)]
}
