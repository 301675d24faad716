import { Type, type Static } from 'typebox'
import { defineRequest } from './define.ts'
import { Timestamp, Uuid } from './scalars.ts'

/** The most rules of one policy: each message is held against them, and the ledger keeps them. */
export const SEND_RULES_MAX = 100

/** An agent's name, the beginning of names and `*`, or `*` for every agent. */
export const NamePattern = Type.String({
  pattern: '^(\\*|[a-z][a-z0-9-]{0,62}\\*?)$',
  maxLength: 64,
})

export const SendKind = Type.Union([
  Type.Literal('send'),
  Type.Literal('ask'),
  Type.Literal('broadcast'),
])

export const SendEffect = Type.Union([Type.Literal('allow'), Type.Literal('deny')])
export type SendEffect = Static<typeof SendEffect>

/** What one rule says of whoever it names. */
export const SendRule = Type.Object(
  {
    from: NamePattern,
    to: NamePattern,
    kinds: Type.Optional(
      Type.Array(SendKind, {
        minItems: 1,
        maxItems: 3,
        uniqueItems: true,
        description: 'Absent: all three.',
      }),
    ),
    effect: SendEffect,
  },
  // Unlike elsewhere a field that is not known is refused on the bus, too: a rule without one of
  // its conditions is another rule, and may allow what it was to deny.
  { additionalProperties: false },
)
export type SendRule = Static<typeof SendRule>

const SendPolicyFields = {
  default: Type.Union([Type.Literal('allow'), Type.Literal('deny')], {
    description: 'What counts where no rule matches.',
  }),
  rules: Type.Array(SendRule, {
    maxItems: SEND_RULES_MAX,
    description: 'In their order: the first that matches counts.',
  }),
}

/** Who may write to whom in a tenant. */
export const SendPolicy = Type.Object(SendPolicyFields)
export type SendPolicy = Static<typeof SendPolicy>

const SetPolicy = Type.Object({
  /** 0 where none was ever set: then all is allowed. */
  version: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
  ...SendPolicyFields,
  /** Absent with version 0. */
  setAt: Type.Optional(Timestamp),
})

/**
 * Replaces the send policy of a tenant: for an operator, who names the tenant. Whatever is accepted
 * after the reply was judged by the new policy. Answers to messages are always allowed.
 */
export const setSendPolicy = defineRequest({
  subject: 'rpc.bridge.v1.set-send-policy',
  request: Type.Object({
    requestId: Uuid,
    replacesVersion: Type.Integer({
      minimum: 0,
      maximum: 2_147_483_646,
      description: 'The version that this one replaces, as it was read; 0 where none was ever set.',
    }),
    ...SendPolicyFields,
  }),
  reply: SetPolicy,
  errors: ['bridge.operators-only', 'bridge.send-policy-changed'],
  timeoutMs: 10_000,
})

/** The send policy of a tenant: for an operator, who names the tenant. */
export const getSendPolicy = defineRequest({
  subject: 'rpc.bridge.v1.get-send-policy',
  request: Type.Object({}),
  reply: SetPolicy,
  errors: ['bridge.operators-only'],
  timeoutMs: 2_000,
})
