import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Timestamp, Uuid } from './scalars.ts'

/** Keys that one principal ever had, at most. */
export const PRINCIPAL_KEYS_MAX = 1_000
export const PRINCIPALS_MAX = 200
export const REASON_BYTES_MAX = 2_000

/** `agent.athena`, or `human.kay`. It is also the name of the principal's key. */
export const PrincipalId = Type.String({
  pattern: '^(agent|human)\\.[a-z][a-z0-9-]{0,62}$',
  maxLength: 70,
})

/** A verifier key as C2SP signed-note has it: `<principal>+<8 hex digits>+<base64>`. */
export const PrincipalVkey = Type.String({
  pattern: '^[a-z0-9.-]+\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]+=*$',
  maxLength: 200,
})

export const PrincipalKey = Type.Object({
  /** 1 for the principal's first key. */
  number: Type.Integer({ minimum: 1, maximum: PRINCIPAL_KEYS_MAX }),
  vkey: PrincipalVkey,
  validFrom: Timestamp,
  /** Absent for the key that counts now. What an earlier key signed in its time stays valid. */
  validUntil: Type.Optional(Timestamp),
  /**
   * The signed note by which the key before gave its place to this one. Absent for the first key,
   * which was there when the installation was made.
   */
  rotation: Type.Optional(Type.String()),
})
export type PrincipalKey = Static<typeof PrincipalKey>

/** Who acts by signing: no role, scope or token stands in for it. */
export const Principal = Type.Object({
  principalId: PrincipalId,
  displayName: Type.String({ minLength: 1, maxLength: 200 }),
  status: Type.Union([Type.Literal('active'), Type.Literal('suspended')]),
  registeredAt: Timestamp,
  /** Of the last suspension or reinstatement. */
  statusChangedAt: Type.Optional(Timestamp),
  statusReason: Type.Optional(Type.String()),
  /** The key that counts while the principal is active. */
  key: PrincipalKey,
})
export type Principal = Static<typeof Principal>

/** All principals, sorted by their ids. */
export const listPrincipals = defineRequest({
  subject: 'rpc.objectives.v1.list-principals',
  request: Type.Object({}),
  reply: Type.Object({ principals: Type.Array(Principal, { maxItems: PRINCIPALS_MAX }) }),
  errors: [],
  timeoutMs: 2_000,
})

/** A principal with every key that it ever had, the newest first. */
export const getPrincipal = defineRequest({
  subject: 'rpc.objectives.v1.get-principal',
  request: Type.Object({ principalId: PrincipalId }),
  reply: Type.Object({
    principal: Principal,
    keys: Type.Array(PrincipalKey, { maxItems: PRINCIPAL_KEYS_MAX }),
  }),
  errors: ['objectives.principal-not-found'],
  timeoutMs: 2_000,
})

/** What both keys sign when one gives its place to the other: see `rotationText`. */
const RotationNote = Type.String({ minLength: 1, maxLength: 4_000 })

/**
 * Gives a principal another key. The note is signed by the key that counts and by the new one:
 * nobody else may do it, and the new one is nobody else's.
 */
export const rotateKey = defineRequest({
  subject: 'rpc.objectives.v1.rotate-key',
  request: Type.Object({
    requestId: Uuid,
    principalId: PrincipalId,
    vkey: PrincipalVkey,
    note: RotationNote,
  }),
  reply: Principal,
  errors: [
    'objectives.principal-not-found',
    'objectives.principal-suspended',
    'objectives.invalid-key',
    'objectives.key-used',
    'objectives.signature-invalid',
    'objectives.too-many-keys',
  ],
  timeoutMs: 5_000,
})

/**
 * Whether a note is exactly this text, signed by the key of the principal that counts now: for
 * services that keep records of their own of what a principal said.
 */
export const checkSignature = defineRequest({
  subject: 'rpc.objectives.v1.check-signature',
  request: Type.Object({
    principalId: PrincipalId,
    /** Built by the caller from what is on record. */
    text: Type.String({ minLength: 1, maxLength: 8_192 }),
    note: Type.String({ minLength: 1, maxLength: 12_000 }),
  }),
  reply: Type.Object({
    keyNumber: Type.Integer({ minimum: 1, maximum: PRINCIPAL_KEYS_MAX }),
  }),
  errors: [
    'objectives.principal-not-found',
    'objectives.principal-suspended',
    'objectives.signature-invalid',
  ],
  timeoutMs: 2_000,
})

const StatusChange = Type.Object({
  requestId: Uuid,
  principalId: PrincipalId,
  /** At most REASON_BYTES_MAX bytes of UTF-8. */
  reason: Type.String({ minLength: 1 }),
})

const statusErrors = [
  'objectives.principal-not-found',
  'objectives.operators-only',
  'objectives.text-too-large',
  'objectives.invalid-text',
]

/** Nothing that a suspended principal signs counts. It keeps its key. */
export const suspendPrincipal = defineRequest({
  subject: 'rpc.objectives.v1.suspend-principal',
  request: StatusChange,
  reply: Principal,
  errors: statusErrors,
  timeoutMs: 5_000,
})

/** Lets a suspended principal act again, with the key that it had. */
export const reinstatePrincipal = defineRequest({
  subject: 'rpc.objectives.v1.reinstate-principal',
  request: StatusChange,
  reply: Principal,
  errors: statusErrors,
  timeoutMs: 5_000,
})

export const principalRegistered = defineEvent({
  subject: 'evt.objectives.v1.principal-registered',
  payload: Type.Object({ principal: PrincipalId, vkey: PrincipalVkey }),
})

export const keyRotated = defineEvent({
  subject: 'evt.objectives.v1.key-rotated',
  payload: Type.Object({ principal: PrincipalId, vkey: PrincipalVkey }),
})

export const principalSuspended = defineEvent({
  subject: 'evt.objectives.v1.principal-suspended',
  payload: Type.Object({ principal: PrincipalId }),
})

export const principalReinstated = defineEvent({
  subject: 'evt.objectives.v1.principal-reinstated',
  payload: Type.Object({ principal: PrincipalId }),
})
