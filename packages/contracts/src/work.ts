import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { ObjectiveSummary } from './objectives.ts'
import { Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

/** Open work of a tenant, at most. */
export const OPEN_WORK_MAX = 10_000
export const WORK_TITLE_BYTES_MAX = 800
/** Objectives that a report names because nothing is done for them, at most. */
export const UNATTENDED_MAX = 100

export const WorkKind = Type.Union([
  /** Something to do, that ends. */
  Type.Literal('task'),
  /** Agents that run for some purpose. */
  Type.Literal('fleet'),
])
export type WorkKind = Static<typeof WorkKind>

const ID = '[A-Za-z0-9][A-Za-z0-9._:-]{0,127}'
/** Where the work is kept, it is known by this. */
export const WorkId = Type.String({ pattern: `^${ID}$` })

export const WorkState = Type.Union([
  Type.Literal('open'),
  Type.Literal('done'),
  /** Ended without a result. */
  Type.Literal('dropped'),
])
export type WorkState = Static<typeof WorkState>

/** Why work leads nowhere that anybody has ratified. */
export const Drift = Type.Union([
  /** Tied to no objective. */
  Type.Literal('untied'),
  /** No version of its objective counts yet. */
  Type.Literal('not-ratified'),
  Type.Literal('retired'),
  /** The period of its objective has ended. */
  Type.Literal('over'),
])
export type Drift = Static<typeof Drift>

export const Work = Type.Object({
  kind: WorkKind,
  workId: WorkId,
  title: Type.String({ minLength: 1 }),
  state: WorkState,
  /** What it is done for. */
  objectiveId: Type.Optional(Uuid),
  /** Absent where it is done for what counts; of ended work, for what counted when it ended. */
  drift: Type.Optional(Drift),
  openedAt: Timestamp,
  openedBy: Type.String({ minLength: 1 }),
  changedAt: Timestamp,
  changedBy: Type.String({ minLength: 1 }),
  /** Absent while it is open. */
  closedAt: Type.Optional(Timestamp),
})
export type Work = Static<typeof Work>

/** Says what some work is now, all of it: without an objective it is tied to none. */
export const putWork = defineRequest({
  subject: 'rpc.objectives.v1.put-work',
  request: Type.Object({
    requestId: Uuid,
    ...{ kind: WorkKind, workId: WorkId, state: WorkState },
    /** At most WORK_TITLE_BYTES_MAX bytes of UTF-8. */
    title: Type.String({ minLength: 1 }),
    objectiveId: Type.Optional(Uuid),
  }),
  reply: Work,
  errors: [
    'objectives.invalid-text',
    'objectives.objective-not-found',
    'objectives.text-too-large',
    'objectives.too-much-work',
  ],
  timeoutMs: 5_000,
})

export const getWork = defineRequest({
  subject: 'rpc.objectives.v1.get-work',
  request: Type.Object({ kind: WorkKind, workId: WorkId }),
  reply: Work,
  errors: ['objectives.work-not-found'],
  timeoutMs: 2_000,
})

/** By kind and id. */
export const listWork = defineRequest({
  subject: 'rpc.objectives.v1.list-work',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    after: Type.Optional(
      Type.String({
        pattern: `^(task|fleet):${ID}$`,
        description: '`next` of the page before.',
      }),
    ),
    kind: Type.Optional(WorkKind),
    state: Type.Optional(WorkState),
    objectiveId: Type.Optional(Uuid),
    /** Only what drifts; or only what does not. */
    drifting: Type.Optional(Type.Boolean()),
  }),
  reply: Type.Object({
    work: Type.Array(Work, { maxItems: 200 }),
    next: Type.Optional(Cursor),
  }),
  errors: [],
  timeoutMs: 10_000,
})

const Count = Type.Integer({ minimum: 0 })
const Counted = Type.Object({
  all: Count,
  drifting: Count,
  /** Adds up to `drifting`. */
  reasons: Type.Object({ untied: Count, 'not-ratified': Count, retired: Count, over: Count }),
})

export const DriftReport = Type.Object({
  asOf: Timestamp,
  /** What was closed within so many days before `asOf` counts as closed. */
  days: Type.Integer({ minimum: 1 }),
  open: Counted,
  closed: Counted,
  /**
   * Objectives that count now, whose period is under way, and for which nothing is open and nothing
   * was done within the days: neither for them nor for what is below them. The oldest first.
   */
  unattended: Type.Array(
    Type.Pick(ObjectiveSummary, ['objectiveId', 'version', 'title', 'owner', 'period']),
    { maxItems: UNATTENDED_MAX },
  ),
  unattendedCount: Count,
})
export type DriftReport = Static<typeof DriftReport>

/** How much of the work leads to what was ratified, and which objectives nobody works for. */
export const readDrift = defineRequest({
  subject: 'rpc.objectives.v1.read-drift',
  request: Type.Object({ days: Type.Integer({ minimum: 1, maximum: 366 }) }),
  reply: DriftReport,
  errors: [],
  timeoutMs: 10_000,
})

export const workChanged = defineEvent({
  subject: 'evt.objectives.v1.work-changed',
  payload: Type.Object({
    ...{ tenantId: TenantId, kind: WorkKind, workId: WorkId, state: WorkState },
    objectiveId: Type.Optional(Uuid),
  }),
})
