import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { AgentName, Sha256Hex, TenantId, Timestamp, Uuid } from './scalars.ts'

/**
 * What a token may do. An operator's token holds any of them; an agent's never the operators' ones.
 */
export const Scope = Type.Union([
  Type.Literal('tenants:write'),
  Type.Literal('tenants:read'),
  Type.Literal('tokens:write'),
  Type.Literal('tokens:read'),
  Type.Literal('agents:write'),
  Type.Literal('agents:read'),
  Type.Literal('messages:send'),
  Type.Literal('messages:read'),
  Type.Literal('heartbeats:write'),
  Type.Literal('audit:read'),
  /** To erase payloads, for good. */
  Type.Literal('audit:redact'),
  /** The whole log, with the entries of every tenant: what an auditor's token has. */
  Type.Literal('log:read'),
  Type.Literal('objectives:read'),
  Type.Literal('objectives:write'),
  /** To suspend and reinstate principals. */
  Type.Literal('principals:write'),
  Type.Literal('operations:read'),
  Type.Literal('operations:write'),
])
export type Scope = Static<typeof Scope>

/** The scopes an agent's token may have, and has when none are asked for. */
export const AGENT_SCOPES: readonly Scope[] = [
  'agents:read',
  'messages:send',
  'messages:read',
  'heartbeats:write',
  'audit:read',
  'objectives:read',
  'objectives:write',
]

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
  scopes: Type.Array(Scope, { minItems: 1, maxItems: 20 }),
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
