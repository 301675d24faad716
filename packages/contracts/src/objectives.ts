import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { KEY_RESULTS_MAX, ObjectiveContent, Slug } from './objective-content.ts'
import { PrincipalId } from './principals.ts'
import { Cursor, Sha256Hex, TenantId, Timestamp, Uuid } from './scalars.ts'

export const OBJECTIVES_MAX = 10_000
export const VERSIONS_MAX = 1_000
export const OBJECTIONS_MAX = 100
/** Of one agent or operator: nobody leaves the others no room. */
export const OBJECTIONS_OF_ONE_MAX = 10
/** Objectives from the root to the deepest, at most. */
export const TREE_DEPTH_MAX = 10

/** The one who ratifies. No role, scope or token stands in for its signature. */
export const RATIFIER = 'agent.athena'

export const ObjectiveState = Type.Union([
  Type.Literal('draft'),
  Type.Literal('proposed'),
  Type.Literal('ratified'),
  /** Declined by the one who ratifies; terminal. */
  Type.Literal('declined'),
  /** Another version took its place, before it was ratified or after. */
  Type.Literal('superseded'),
  /** Ended by the one who ratifies; terminal. */
  Type.Literal('retired'),
])
export type ObjectiveState = Static<typeof ObjectiveState>

const Version = Type.Integer({ minimum: 1, maximum: VERSIONS_MAX })

const versionFields = {
  objectiveId: Uuid,
  version: Version,
  state: ObjectiveState,
  /** SHA-256 of the version's content as canonical JSON (RFC 8785). */
  sha256: Sha256Hex,
  createdAt: Timestamp,
  createdBy: Type.String({ minLength: 1 }),
}

/** What a list shows of a version. */
export const ObjectiveSummary = Type.Object({
  ...versionFields,
  ...Type.Pick(ObjectiveContent, ['title', 'owner', 'parentId', 'period', 'tags']).properties,
  keyResults: Type.Integer({ minimum: 1, maximum: KEY_RESULTS_MAX }),
})
export type ObjectiveSummary = Static<typeof ObjectiveSummary>

export const Objection = Type.Object({
  /** 1 for the version's first. */
  number: Type.Integer({ minimum: 1, maximum: OBJECTIONS_MAX }),
  by: Type.String({ minLength: 1 }),
  at: Timestamp,
  reason: Type.String({ minLength: 1 }),
})

export const DecisionKind = Type.Union([
  Type.Literal('ratify'),
  Type.Literal('decline'),
  Type.Literal('retire'),
])
export type DecisionKind = Static<typeof DecisionKind>

export const Decision = Type.Object({
  decision: DecisionKind,
  principal: PrincipalId,
  at: Timestamp,
  reason: Type.Optional(Type.String({ minLength: 1 })),
  /** The signed statement, for whoever wants to check it. */
  note: Type.String({ minLength: 1 }),
})
export type Decision = Static<typeof Decision>

/** One version, with all that was said of it. */
export const Objective = Type.Object({
  ...versionFields,
  tenantId: TenantId,
  content: ObjectiveContent,
  /** The newest version of this objective. */
  newestVersion: Version,
  /** The one that counts now; absent when none does. */
  ratifiedVersion: Type.Optional(Version),
  objections: Type.Array(Objection, { maxItems: OBJECTIONS_MAX }),
  decisions: Type.Array(Decision, { maxItems: 2 }),
  /** What the ratifier signs to ratify it, as it is now; only of a proposed version. */
  statement: Type.Optional(Type.String({ minLength: 1 })),
})
export type Objective = Static<typeof Objective>

const contentErrors = [
  'objectives.invalid-objective',
  'objectives.text-too-large',
  'objectives.invalid-text',
  'objectives.objective-not-found',
]

/** Drafts an objective; what it says is its first version. */
export const createObjective = defineRequest({
  subject: 'rpc.objectives.v1.create-objective',
  request: Type.Object({ requestId: Uuid, content: ObjectiveContent }),
  reply: Objective,
  errors: [...contentErrors, 'objectives.too-many-objectives'],
  timeoutMs: 5_000,
})

/**
 * Drafts another version. What was ratified stays as it is and counts until the new version is
 * ratified; what was only drafted or proposed is superseded.
 */
export const editObjective = defineRequest({
  subject: 'rpc.objectives.v1.edit-objective',
  request: Type.Object({
    requestId: Uuid,
    objectiveId: Uuid,
    /** The newest version, as it was read: nobody overwrites what he has not seen. */
    replacesVersion: Version,
    content: ObjectiveContent,
  }),
  reply: Objective,
  errors: [...contentErrors, 'objectives.version-conflict', 'objectives.too-many-versions'],
  timeoutMs: 5_000,
})

const versionErrors = ['objectives.objective-not-found', 'objectives.wrong-state']

/** Proposes a draft to the one who ratifies. */
export const proposeObjective = defineRequest({
  subject: 'rpc.objectives.v1.propose-objective',
  request: Type.Object({ requestId: Uuid, objectiveId: Uuid, version: Version }),
  reply: Objective,
  errors: versionErrors,
  timeoutMs: 5_000,
})

/** Puts an objection to a proposed version, which the one who ratifies has to have seen. */
export const objectToObjective = defineRequest({
  subject: 'rpc.objectives.v1.object-to-objective',
  request: Type.Object({
    requestId: Uuid,
    objectiveId: Uuid,
    version: Version,
    /** At most REASON_BYTES_MAX bytes of UTF-8. */
    reason: Type.String({ minLength: 1 }),
  }),
  reply: Objective,
  errors: [
    ...versionErrors,
    'objectives.too-many-objections',
    'objectives.text-too-large',
    'objectives.invalid-text',
  ],
  timeoutMs: 5_000,
})

/**
 * Ratifies or declines a proposed version, or retires a ratified one, by a note that the ratifier
 * has signed: see `decisionText`. Whoever may call, only the ratifier can want it.
 */
export const decideObjective = defineRequest({
  subject: 'rpc.objectives.v1.decide-objective',
  request: Type.Object({
    requestId: Uuid,
    objectiveId: Uuid,
    version: Version,
    decision: DecisionKind,
    /** Of a decline or a retirement, which needs one; it is signed, too. */
    reason: Type.Optional(Type.String({ minLength: 1 })),
    note: Type.String({ minLength: 1, maxLength: 12_000 }),
  }),
  reply: Objective,
  errors: [
    ...versionErrors,
    'objectives.invalid-objective',
    'objectives.text-too-large',
    'objectives.invalid-text',
    'objectives.principal-not-found',
    'objectives.principal-suspended',
    'objectives.signature-invalid',
  ],
  timeoutMs: 5_000,
})

/**
 * A version, by default the one that counts, or counted last, or the newest where none ever did.
 */
export const getObjective = defineRequest({
  subject: 'rpc.objectives.v1.get-objective',
  request: Type.Object({ objectiveId: Uuid, version: Type.Optional(Version) }),
  reply: Objective,
  errors: ['objectives.objective-not-found'],
  timeoutMs: 2_000,
})

/**
 * One version of each objective, the oldest objective first: that in the state asked for, else the
 * one that counts, or counted last, or the newest where none ever did.
 */
export const listObjectives = defineRequest({
  subject: 'rpc.objectives.v1.list-objectives',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    after: Type.Optional(Uuid),
    state: Type.Optional(ObjectiveState),
    parentId: Type.Optional(Uuid),
    owner: Type.Optional(ObjectiveContent.properties.owner),
    tag: Type.Optional(Slug),
  }),
  reply: Type.Object({
    objectives: Type.Array(ObjectiveSummary, { maxItems: 200 }),
    /** Absent at the end. */
    next: Type.Optional(Cursor),
  }),
  errors: [],
  timeoutMs: 5_000,
})

export const ObjectiveChange = Type.Object({
  objectiveId: Uuid,
  version: Version,
  /** Absent where there was none before: the version is new. */
  from: Type.Optional(ObjectiveState),
  to: ObjectiveState,
  by: Type.String({ minLength: 1 }),
  at: Timestamp,
})

/** How an objective came to what it is, the newest change first. */
export const listObjectiveChanges = defineRequest({
  subject: 'rpc.objectives.v1.list-objective-changes',
  request: Type.Object({
    objectiveId: Uuid,
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    before: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: '`next` of the page before.' }),
    ),
  }),
  reply: Type.Object({
    changes: Type.Array(ObjectiveChange, { maxItems: 200 }),
    next: Type.Optional(Cursor),
  }),
  errors: ['objectives.objective-not-found'],
  timeoutMs: 5_000,
})

const about = Type.Object({ tenantId: TenantId, objectiveId: Uuid, version: Version })

export const objectiveDrafted = defineEvent({
  subject: 'evt.objectives.v1.objective-drafted',
  payload: about,
})

export const objectiveProposed = defineEvent({
  subject: 'evt.objectives.v1.objective-proposed',
  payload: about,
})

export const objectiveObjected = defineEvent({
  subject: 'evt.objectives.v1.objective-objected',
  payload: about,
})

export const objectiveRatified = defineEvent({
  subject: 'evt.objectives.v1.objective-ratified',
  payload: Type.Object({ ...about.properties, sha256: Sha256Hex }),
})

export const objectiveDeclined = defineEvent({
  subject: 'evt.objectives.v1.objective-declined',
  payload: about,
})

/** A draft or proposal by an edit, what was ratified by the version that took its place. */
export const objectiveSuperseded = defineEvent({
  subject: 'evt.objectives.v1.objective-superseded',
  payload: about,
})

export const objectiveRetired = defineEvent({
  subject: 'evt.objectives.v1.objective-retired',
  payload: about,
})
