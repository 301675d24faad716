import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Engram } from './engrams.ts'
import { Day, KEY_RESULTS_MAX, KeyResult, Slug } from './objective-content.ts'
import { Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

/** The one who asks for a run out of turn. No role, scope or token stands in for its signature. */
export const COMPUTER = 'agent.mizan'
/** Engrams that a value names; the others are listed as its evidence. */
export const CITED_MAX = 20
/** Days on which nothing ran are caught up with, at most so many. */
export const CATCH_UP_DAYS_MAX = 31
/** Days after an objective's period in which what was recorded late still counts. */
export const GRACE_DAYS = 30
/** Which meaning of the formulas a value has; another meaning gets another number. */
export const FORMULAS_VERSION = 1
/** Data of which the newest is older counts as stale. */
export const STALE_AFTER_DAYS = 7

export const Confidence = Type.Union([
  Type.Literal('present'),
  /** The newest engram is older than STALE_AFTER_DAYS. */
  Type.Literal('stale'),
  /** No engram fits, or what is divided by is 0. */
  Type.Literal('missing'),
])
export type Confidence = Static<typeof Confidence>

export const Standing = Type.Union([
  Type.Literal('on-track'),
  Type.Literal('at-risk'),
  Type.Literal('off-track'),
  /** Nothing can be said: no value yet, too early, or a milestone that has its time. */
  Type.Literal('unknown'),
])
export type Standing = Static<typeof Standing>

const Share = Type.Number({ minimum: 0, maximum: 1 })

const ForecastAssumption = Type.Union([Type.Literal('linear'), Type.Literal('steady')], {
  description:
    '`linear`: what was reached since the period began goes on at the same pace. `steady`: of an ' +
    'average, a ratio and what the last so many days came to, which stay as they are.',
})
export type ForecastAssumption = Static<typeof ForecastAssumption>

/** What a day's run made of one key result. */
export const KeyResultProgress = Type.Object({
  keyResultId: Slug,
  ...Type.Pick(KeyResult, ['title', 'unit', 'baseline', 'target', 'formula']).properties,
  /** In the key result's unit; absent where the formula gives none. */
  value: Type.Optional(Type.Number()),
  /** Of the way from baseline to target. */
  progress: Share,
  confidence: Confidence,
  standing: Standing,
  forecast: Type.Optional(
    Type.Object({
      /** At the end of the period. */
      value: Type.Number(),
      assumption: ForecastAssumption,
    }),
  ),
  engrams: Type.Object({
    /** All that the value was computed from. */
    count: Type.Integer({ minimum: 0 }),
    /** The last recorded of them. */
    newest: Type.Array(Uuid, { maxItems: CITED_MAX }),
  }),
  formulasVersion: Type.Integer({ minimum: 1 }),
})
export type KeyResultProgress = Static<typeof KeyResultProgress>

export const ObjectiveProgress = Type.Object({
  objectiveId: Uuid,
  version: Type.Integer({ minimum: 1 }),
  day: Day,
  /** What was observed before this counts. */
  asOf: Timestamp,
  /** Of all key results by their weights. */
  progress: Share,
  /** The worst of its key results'. */
  standing: Standing,
  keyResults: Type.Array(KeyResultProgress, { minItems: 1, maxItems: KEY_RESULTS_MAX }),
})
export type ObjectiveProgress = Static<typeof ObjectiveProgress>

/** Of an objective on a day, by default the last one that was computed. */
export const getProgress = defineRequest({
  subject: 'rpc.objectives.v1.get-progress',
  request: Type.Object({ objectiveId: Uuid, day: Type.Optional(Day) }),
  reply: ObjectiveProgress,
  errors: ['objectives.invalid-day', 'objectives.progress-not-found'],
  timeoutMs: 5_000,
})

const Position = Type.String({
  pattern: '^[0-9]{1,18}$',
  description: '`next` of the page before.',
})

/**
 * The engrams that a value was computed from, in the order of their recording: without what they
 * say, which is for those who may recall them.
 */
export const listEvidence = defineRequest({
  subject: 'rpc.objectives.v1.list-evidence',
  request: Type.Object({
    objectiveId: Uuid,
    day: Day,
    keyResultId: Slug,
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    after: Type.Optional(Position),
  }),
  reply: Type.Object({
    engrams: Type.Array(
      Type.Pick(Engram, ['engramId', 'number', 'kind', 'tags', 'measures', 'observedAt']),
      { maxItems: 200 },
    ),
    next: Type.Optional(Cursor),
  }),
  errors: ['objectives.invalid-day', 'objectives.progress-not-found'],
  timeoutMs: 10_000,
})

export const ProgressRun = Type.Object({
  day: Day,
  asOf: Timestamp,
  timeZone: Type.String({ minLength: 1 }),
  state: Type.Union([Type.Literal('running'), Type.Literal('done')]),
  /** `schedule`, or the principal who asked for it. */
  askedBy: Type.String({ minLength: 1 }),
  /** The signed statement of who asked. */
  note: Type.Optional(Type.String({ minLength: 1 })),
  /** Days before it that were missed too long ago to be caught up with. */
  skippedDays: Type.Integer({ minimum: 0 }),
  keyResults: Type.Integer({ minimum: 0 }),
  createdAt: Timestamp,
  completedAt: Type.Optional(Timestamp),
})
export type ProgressRun = Static<typeof ProgressRun>

/** The newest day first. */
export const listProgressRuns = defineRequest({
  subject: 'rpc.objectives.v1.list-progress-runs',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    before: Type.Optional(Day),
  }),
  reply: Type.Object({
    runs: Type.Array(ProgressRun, { maxItems: 200 }),
    next: Type.Optional(Cursor),
  }),
  errors: ['objectives.invalid-day'],
  timeoutMs: 5_000,
})

/**
 * Has today computed now, by a note that the computer signed: see `runText`. A day is computed
 * once: where it was already, that run is the answer.
 */
export const runProgress = defineRequest({
  subject: 'rpc.objectives.v1.run-progress',
  request: Type.Object({
    requestId: Uuid,
    /** Today, in the tenant's time zone. */
    day: Day,
    note: Type.String({ minLength: 1, maxLength: 12_000 }),
  }),
  reply: ProgressRun,
  errors: [
    'objectives.invalid-schedule',
    'objectives.principal-not-found',
    'objectives.principal-suspended',
    'objectives.signature-invalid',
  ],
  timeoutMs: 5_000,
})

const TimeZone = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'A name of the IANA time zone database, as `Europe/Berlin`.',
})
const TimeOfDay = Type.String({
  pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
  description: 'When the day’s run begins, as `02:00`.',
})

export const ProgressSchedule = Type.Object({
  timeZone: TimeZone,
  runAt: TimeOfDay,
  /** Now, in that time zone. */
  today: Day,
  nextRunAt: Timestamp,
})
export type ProgressSchedule = Static<typeof ProgressSchedule>

/** When a tenant's days are computed; at 02:00 UTC where nobody has said. */
export const getProgressSchedule = defineRequest({
  subject: 'rpc.objectives.v1.get-progress-schedule',
  request: Type.Object({}),
  reply: ProgressSchedule,
  errors: [],
  timeoutMs: 2_000,
})

export const setProgressSchedule = defineRequest({
  subject: 'rpc.objectives.v1.set-progress-schedule',
  request: Type.Object({ requestId: Uuid, timeZone: TimeZone, runAt: TimeOfDay }),
  reply: ProgressSchedule,
  errors: ['objectives.invalid-schedule'],
  timeoutMs: 5_000,
})

const ofDay = { tenantId: TenantId, day: Day }

export const progressComputed = defineEvent({
  subject: 'evt.objectives.v1.progress-computed',
  payload: Type.Object({ ...ofDay, keyResults: Type.Integer({ minimum: 0 }) }),
})

/** A key result stands otherwise than on the last day that was computed. */
export const standingChanged = defineEvent({
  subject: 'evt.objectives.v1.standing-changed',
  payload: Type.Object({
    ...{ ...ofDay, objectiveId: Uuid, keyResultId: Slug },
    from: Type.Optional(Standing),
    to: Standing,
  }),
})
