import { Type, type Static } from 'typebox'
import { AgentName, TenantId, Uuid } from './scalars.ts'

export const KEY_RESULTS_MAX = 20
export const TITLE_BYTES_MAX = 400
export const DESCRIPTION_BYTES_MAX = 8_000
/** Of a version's content as canonical JSON. */
export const CONTENT_BYTES_MAX = 65_536

// As in a send rule: a condition that is not known would make it another formula.
const strict = { additionalProperties: false } as const
/** Of kinds, tags and measures. */
export const Slug = AgentName
const Amount = Type.Number({ minimum: -1e15, maximum: 1e15 })
const Share = Type.Number({ minimum: 0, maximum: 1 })
export const Day = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
  description: 'A day of the calendar, as `2026-09-30`.',
})

/** Which engrams a formula looks at: those that fit every condition. */
export const EngramSelector = Type.Object(
  {
    kinds: Type.Optional(
      Type.Array(Slug, { minItems: 1, maxItems: 10, uniqueItems: true, description: 'Any of.' }),
    ),
    tags: Type.Optional(
      Type.Array(Slug, { minItems: 1, maxItems: 10, uniqueItems: true, description: 'All of.' }),
    ),
    tenantId: Type.Optional(
      Type.Unsafe<string>({
        ...TenantId,
        description: 'Of another tenant: only in an objective of the substrate.',
      }),
    ),
    windowDays: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3_660,
        description: 'The last so many days; the whole period when absent.',
      }),
    ),
  },
  strict,
)
export type EngramSelector = Static<typeof EngramSelector>

const Counted = Type.Object({ of: EngramSelector, measure: Type.Optional(Slug) }, strict)
const measured = { measure: Slug, of: EngramSelector }

/** How a key result's value is computed from engrams; nobody types one in. */
export const Formula = Type.Union([
  Type.Object({ kind: Type.Literal('count'), of: EngramSelector }, strict),
  Type.Object({ kind: Type.Literal('sum'), ...measured }, strict),
  Type.Object({ kind: Type.Literal('latest'), ...measured }, strict),
  Type.Object({ kind: Type.Literal('average'), ...measured }, strict),
  Type.Object(
    // Each side is the sum of its measure, or the count without one.
    { kind: Type.Literal('ratio'), numerator: Counted, denominator: Counted },
    strict,
  ),
  // The target as soon as there is one such engram, else the baseline.
  Type.Object({ kind: Type.Literal('milestone'), of: EngramSelector }, strict),
])
export type Formula = Static<typeof Formula>

export const KeyResult = Type.Object(
  {
    /** The same through all versions of its objective. */
    keyResultId: Slug,
    title: Type.String({ minLength: 1 }),
    unit: Type.String({ minLength: 1, maxLength: 40 }),
    baseline: Amount,
    target: Amount,
    direction: Type.Union([Type.Literal('increase'), Type.Literal('decrease')]),
    formula: Formula,
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'Of every key result or of none; together they are 1.',
      }),
    ),
    thresholds: Type.Optional(
      Type.Object(
        { atRisk: Share, offTrack: Share },
        {
          ...strict,
          description:
            'Below these shares of the way that the forecast for the end of the period reaches; ' +
            '0.9 and 0.6 when absent.',
        },
      ),
    ),
  },
  strict,
)
export type KeyResult = Static<typeof KeyResult>

/** What is proposed, and what is ratified: all of it is bound by the signature. */
export const ObjectiveContent = Type.Object(
  {
    title: Type.String({ minLength: 1, description: 'At most 400 bytes of UTF-8.' }),
    description: Type.Optional(
      Type.String({ minLength: 1, description: 'At most 8,000 bytes of UTF-8.' }),
    ),
    owner: Type.String({
      pattern: '^[a-z][a-z0-9.-]{0,69}$',
      maxLength: 70,
      description: 'The name of an agent or a principal, who answers for it.',
    }),
    parentId: Type.Optional(Uuid),
    period: Type.Object({ from: Day, to: Day }, strict),
    tags: Type.Optional(Type.Array(Slug, { minItems: 1, maxItems: 20, uniqueItems: true })),
    keyResults: Type.Array(KeyResult, { minItems: 1, maxItems: KEY_RESULTS_MAX }),
  },
  strict,
)
export type ObjectiveContent = Static<typeof ObjectiveContent>
