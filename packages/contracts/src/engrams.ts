import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Circle, SCOPES_MAX } from './gateway.ts'
import { Slug } from './objective-content.ts'
import { Cursor, mapOf, TenantId, Timestamp, Uuid } from './scalars.ts'

/** In a tenant, those that have expired included. */
export const ENGRAMS_MAX = 10_000_000
export const ENGRAM_TEXT_BYTES_MAX = 16_384
export const ENGRAM_QUERY_BYTES_MAX = 1_000
export const ENGRAM_QUERY_WORDS_MAX = 32
export const ENGRAM_TAGS_MAX = 20
export const MEASURES_MAX = 20
/** How far an engram may be ahead of the service's clock. */
export const OBSERVED_AHEAD_MS_MAX = 300_000
/** Of the newest matches so many are compared when the best are asked for. */
export const RANKED_MAX = 1_000

/** Who may recall an engram of a tenant. */
export const EngramTier = Type.Union([
  /** Every caller of the tenant. */
  Type.Literal('public'),
  // Who belongs to its circle.
  Type.Literal('squad'),
  Type.Literal('project'),
  Type.Literal('entity'),
  /** Its author only; operators neither. */
  Type.Literal('private'),
])
export type EngramTier = Static<typeof EngramTier>

const Measures = Type.Unsafe<Record<string, number>>({
  ...mapOf(Type.Number({ minimum: -1e15, maximum: 1e15 })),
  propertyNames: Slug,
  maxProperties: MEASURES_MAX,
  description: 'Finite numbers by names like those of tags, at most 20.',
})
const Tags = Type.Array(Slug, { maxItems: ENGRAM_TAGS_MAX, uniqueItems: true })
/** As the ledger names who acts. */
const Author = Type.String({ minLength: 1, maxLength: 200, description: 'As `agent:<name>`.' })

/** What one remembers. */
export const EngramContent = Type.Object({
  kind: Slug,
  text: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'At most 16,384 bytes of UTF-8; without one there are measures.',
    }),
  ),
  measures: Type.Optional(Measures),
  tags: Type.Optional(Tags),
  tier: EngramTier,
  circle: Type.Optional(
    Type.Unsafe<string>({
      ...Slug,
      description: 'Which squad, project or entity: of exactly these tiers.',
    }),
  ),
  observedAt: Type.Optional(
    Type.Unsafe<string>({
      ...Timestamp,
      description: 'Now when absent; at most five minutes ahead.',
    }),
  ),
  expiresAt: Type.Optional(
    Type.Unsafe<string>({
      ...Timestamp,
      description: 'From then on it is not recalled. Never, when absent.',
    }),
  ),
})
export type EngramContent = Static<typeof EngramContent>

/** One memory. What it says never changes. */
export const Engram = Type.Object({
  engramId: Uuid,
  /** The order of recording in the tenant, with gaps. */
  number: Type.String({ pattern: '^[1-9][0-9]{0,18}$' }),
  ...EngramContent.properties,
  measures: Measures,
  tags: Tags,
  observedAt: Timestamp,
  recordedAt: Timestamp,
  recordedBy: Author,
  nonce: Type.String({
    pattern: '^[A-Za-z0-9_-]{22}$',
    description:
      '128 random bits: the ledger has the SHA-256 of this whole engram as canonical JSON, which ' +
      'nobody can guess without them.',
  }),
})
export type Engram = Static<typeof Engram>

/**
 * To which squads, projects and entities the caller belongs: set by the gateway from the scopes of
 * the authenticated token, never from a body. An operator belongs to each of them.
 */
const circles = Type.Array(Circle, { maxItems: SCOPES_MAX, uniqueItems: true })

/** Records an engram, for good. */
export const recordEngram = defineRequest({
  subject: 'rpc.objectives.v1.record-engram',
  request: Type.Object({ requestId: Uuid, circles, ...EngramContent.properties }),
  reply: Engram,
  errors: [
    'objectives.invalid-engram',
    'objectives.text-too-large',
    'objectives.invalid-text',
    'objectives.not-in-circle',
    'objectives.too-many-engrams',
  ],
  timeoutMs: 5_000,
})

/** An engram that the caller may recall; else it is as absent as one that never was. */
export const getEngram = defineRequest({
  subject: 'rpc.objectives.v1.get-engram',
  request: Type.Object({ engramId: Uuid, circles }),
  reply: Engram,
  errors: ['objectives.engram-not-found'],
  timeoutMs: 2_000,
})

export const EngramOrder = Type.Union([Type.Literal('newest'), Type.Literal('relevance')])

/**
 * What the caller may recall of what fits every condition, the newest recorded first; or, of the
 * newest 1,000 that fit a query, the most relevant, in one page. A page is at most half a MiB.
 */
export const recallEngrams = defineRequest({
  subject: 'rpc.objectives.v1.recall-engrams',
  request: Type.Object({
    circles,
    query: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'English words, as in a search engine: `"a phrase"`, `or`, `-without`. At most 32 words ' +
          'and 1,000 bytes of UTF-8.',
      }),
    ),
    kind: Type.Optional(Slug),
    tag: Type.Optional(Slug),
    tier: Type.Optional(EngramTier),
    circle: Type.Optional(Slug),
    by: Type.Optional(Author),
    since: Type.Optional(
      Type.Unsafe<string>({ ...Timestamp, description: 'Observed then or later.' }),
    ),
    until: Type.Optional(
      Type.Unsafe<string>({ ...Timestamp, description: 'Observed before then.' }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: 100 }),
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,18}$', description: '`next` of the page before.' }),
    ),
    order: Type.Optional(EngramOrder),
  }),
  reply: Type.Object({
    engrams: Type.Array(Engram, { maxItems: 100 }),
    /** Absent at the end, and in the order of relevance. */
    next: Type.Optional(Cursor),
  }),
  errors: [
    'objectives.invalid-engram',
    'objectives.text-too-large',
    'objectives.invalid-text',
    'objectives.query-without-words',
  ],
  timeoutMs: 10_000,
})

/** Nothing of what it says, not even its kind: that is for those who may recall it. */
export const engramRecorded = defineEvent({
  subject: 'evt.objectives.v1.engram-recorded',
  payload: Type.Object({
    tenantId: TenantId,
    engramId: Uuid,
    number: Engram.properties.number,
    tier: EngramTier,
  }),
})
