import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { GateSlug } from './gate.ts'
import { Finding } from './gate-review.ts'
import { Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

export const SHAPES_MAX = 1_000
export const SHAPE_TEXT_BYTES_MAX = 2_000
/** Findings that a briefing shows of each shape. */
export const BRIEFING_FINDINGS_MAX = 10
export const BRIEFING_PAGE_MAX = 25

/** Before the ids of the substrate's shapes where a page of a briefing goes on. */
export const OF_SUBSTRATE = 'substrate/'

const Text = Type.String({ minLength: 1 })

/** What keeps a shape from coming back. */
export const ShapeCheck = Type.Object({
  kind: Type.Union([Type.Literal('eslint'), Type.Literal('test'), Type.Literal('lock')]),
  /** Visible characters of ASCII, with spaces between them. */
  name: Type.String({ pattern: '^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$', maxLength: 200 }),
})

const Surfaces = Type.Array(GateSlug, { maxItems: 20, uniqueItems: true })
const Checks = Type.Array(ShapeCheck, { maxItems: 20 })

export const ShapeState = Type.Union([Type.Literal('candidate'), Type.Literal('named')])

/** A way in which work goes wrong, that came up more than once or may. */
export const Shape = Type.Object({
  shapeId: GateSlug,
  /** Named at its second occurrence, when it is known what it is and how it is prevented. */
  state: ShapeState,
  definition: Type.Optional(Text),
  prevention: Type.Optional(Text),
  /** Of which work it has to be considered; of any where there are none. */
  surfaces: Surfaces,
  checks: Checks,
  /** Different iterations in which it was found, and `historic`. */
  occurrences: Type.Integer({ minimum: 0 }),
  /** Findings from before there was a gate, of which nothing but their names is known. */
  historic: Type.Array(Text, { maxItems: 50 }),
  /** Of a shape of the seed. */
  note: Type.Optional(Text),
  firstAt: Timestamp,
  namedAt: Type.Optional(Timestamp),
})
export type Shape = Static<typeof Shape>

/**
 * Says what a shape is, instead of what was said before; an unknown one becomes a candidate. One
 * that is named keeps a definition, a prevention and a check.
 */
export const describeShape = defineRequest({
  subject: 'rpc.gate.v1.describe-shape',
  request: Type.Object({
    requestId: Uuid,
    shapeId: GateSlug,
    /** Both at most SHAPE_TEXT_BYTES_MAX bytes of UTF-8. */
    definition: Type.Optional(Text),
    prevention: Type.Optional(Text),
    surfaces: Type.Optional(Surfaces),
    checks: Type.Optional(Checks),
  }),
  reply: Shape,
  errors: [
    'gate.text-too-large',
    'gate.invalid-text',
    'gate.shape-incomplete',
    'gate.limit-reached',
  ],
  timeoutMs: 5_000,
})

/** Sorted by their ids. */
export const listShapes = defineRequest({
  subject: 'rpc.gate.v1.list-shapes',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 100 }),
    after: Type.Optional(GateSlug),
    state: Type.Optional(ShapeState),
  }),
  reply: Type.Object({
    shapes: Type.Array(Shape, { maxItems: 100 }),
    next: Type.Optional(Cursor),
  }),
  errors: [],
  timeoutMs: 5_000,
})

/** A shape's id; one of the substrate's with that before it. */
const BriefedAfter = Type.String({
  pattern: `^(${OF_SUBSTRATE})?[a-z][a-z0-9-]{0,62}$`,
  maxLength: OF_SUBSTRATE.length + 63,
})

export const BriefedShape = Type.Object({
  ...Shape.properties,
  /**
   * The substrate's are for everybody to consider, once it is known what each is. Where they were
   * found is the substrate's own business: they have no `findings`, no `historic` and no `note`.
   */
  of: Type.Union([Type.Literal('own'), Type.Literal('substrate')]),
  /** The newest of them. */
  findings: Type.Array(
    Type.Object({
      sprintId: GateSlug,
      trackId: GateSlug,
      ...Type.Pick(Finding, ['number', 'iteration', 'severity', 'title', 'state', 'at']).properties,
    }),
    { maxItems: BRIEFING_FINDINGS_MAX },
  ),
})
export type BriefedShape = Static<typeof BriefedShape>

/**
 * What a new piece of work on a surface has to consider: the tenant's shapes of the surface and of
 * all surfaces by their ids, and after them the substrate's.
 */
export const getBriefing = defineRequest({
  subject: 'rpc.gate.v1.get-briefing',
  request: Type.Object({
    surface: GateSlug,
    limit: Type.Integer({ minimum: 1, maximum: BRIEFING_PAGE_MAX }),
    after: Type.Optional(BriefedAfter),
  }),
  reply: Type.Object({
    surface: GateSlug,
    shapes: Type.Array(BriefedShape, { maxItems: BRIEFING_PAGE_MAX }),
    next: Type.Optional(Cursor),
  }),
  errors: [],
  timeoutMs: 5_000,
})

const about = Type.Object({ tenantId: TenantId, shapeId: GateSlug })

/** It became a candidate, by its first occurrence or by being described. */
export const shapeProposed = defineEvent({
  subject: 'evt.gate.v1.shape-proposed',
  payload: about,
})

export const shapeDescribed = defineEvent({
  subject: 'evt.gate.v1.shape-described',
  payload: about,
})

export const shapeNamed = defineEvent({ subject: 'evt.gate.v1.shape-named', payload: about })
