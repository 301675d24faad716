import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, Sha256Hex, TenantId, Timestamp, Uuid } from './scalars.ts'

/** A squad, project or entity of the tenant, to which the token's holder belongs. */
export const Circle = Type.Unsafe<`${'squad' | 'project' | 'entity'}:${string}`>({
  type: 'string',
  pattern: '^(squad|project|entity):[a-z][a-z0-9-]{0,62}$',
  maxLength: 71,
})
export type Circle = Static<typeof Circle>

/** How the header of that name is written. */
export const IDEMPOTENCY_KEY = '^[\\x21-\\x7e]{1,255}$'

/** Of one token, its circles included. */
export const SCOPES_MAX = 64

/** Every scope but the circles. */
export const NAMED_SCOPES = [
  'tenants:write',
  'tenants:read',
  'tokens:write',
  'tokens:read',
  'agents:write',
  'agents:read',
  'messages:send',
  'messages:read',
  'heartbeats:write',
  'audit:read',
  /** To erase payloads, for good. */
  'audit:redact',
  /** The whole log, with the entries of every tenant: what an auditor's token has. */
  'log:read',
  'objectives:read',
  'objectives:write',
  /** The gate: sprints, findings, verdicts, threat shapes. */
  'gate:read',
  'gate:write',
  /** To suspend and reinstate principals. */
  'principals:write',
  'operations:read',
  'operations:write',
  'memory:read',
  'memory:write',
] as const

/**
 * What a token may do. An operator's token holds any of them; an agent's never the operators' ones.
 */
export const Scope = Type.Union([Type.Enum([...NAMED_SCOPES]), Circle])
export type Scope = Static<typeof Scope>

/** The scopes an agent's token has when none are asked for; it may have circles beside them. */
export const AGENT_SCOPES: readonly Scope[] = [
  'agents:read',
  'messages:send',
  'messages:read',
  'heartbeats:write',
  'audit:read',
  'objectives:read',
  'objectives:write',
  'memory:read',
  'memory:write',
  'gate:read',
  'gate:write',
]

/** Whether a scope is that of belonging to a squad, project or entity. */
export function isCircle(scope: Scope): scope is Circle {
  return /^(squad|project|entity):/.test(scope)
}

export const Tenant = Type.Object({
  tenantId: TenantId,
  name: Type.String({ minLength: 1, maxLength: 200 }),
  createdAt: Timestamp,
})

export const TokenKind = Type.Union([Type.Literal('operator'), Type.Literal('agent')])

/** How many requests a minute: what each class is, the gateway's settings say. */
export const RateClass = Type.Union([Type.Literal('standard'), Type.Literal('elevated')])
export type RateClass = Static<typeof RateClass>

/** A token made without another, the root of a tree, has depth 1; its children have 2. */
export const TOKEN_DEPTH_MAX = 3

export const Token = Type.Object({
  tokenId: Uuid,
  kind: TokenKind,
  tenantId: TenantId,
  agent: Type.Optional(AgentName),
  scopes: Type.Array(Scope, { minItems: 1, maxItems: SCOPES_MAX }),
  rateClass: RateClass,
  /** Of the token that made this one of itself. */
  parentTokenId: Type.Optional(Uuid),
  depth: Type.Integer({ minimum: 1, maximum: TOKEN_DEPTH_MAX }),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  /** Its own revocation or an ancestor's, whichever came first. */
  revokedAt: Type.Optional(Timestamp),
})

/**
 * Whose a token is, when it may be used now and has this scope: for doors other than HTTP. It is
 * named by its hash, so that the secret goes no further than the door.
 */
export const authenticateToken = defineRequest({
  subject: 'rpc.gateway.v1.authenticate-token',
  request: Type.Object({
    /** SHA-256 of the secret. */
    tokenSha256: Sha256Hex,
    scope: Scope,
  }),
  reply: Type.Object({
    tokenId: Uuid,
    kind: TokenKind,
    tenantId: TenantId,
    /** Present exactly for agents' tokens. */
    agent: Type.Optional(AgentName),
  }),
  errors: [
    'gateway.token-unknown',
    'gateway.token-expired',
    'gateway.token-revoked',
    'gateway.scope-missing',
    'gateway.cannot-authenticate',
  ],
  timeoutMs: 2_000,
})

export const tenantCreated = defineEvent({
  subject: 'evt.gateway.v1.tenant-created',
  payload: Type.Object({ tenantId: TenantId }),
})

export const tokenCreated = defineEvent({
  subject: 'evt.gateway.v1.token-created',
  payload: Type.Object({ tokenId: Uuid, tenantId: TenantId, kind: TokenKind }),
})

/**
 * Open streams of this token end at once. Its descendants, which end with it, have events of their
 * own.
 */
export const tokenRevoked = defineEvent({
  subject: 'evt.gateway.v1.token-revoked',
  payload: Type.Object({ tokenId: Uuid, tenantId: TenantId }),
})
