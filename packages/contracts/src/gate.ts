import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { PrincipalId } from './principals.ts'
import { AgentName, Cursor, TenantId, Timestamp, Uuid } from './scalars.ts'

export const SPRINTS_MAX = 10_000
export const TRACKS_MAX = 50
export const ITERATIONS_MAX = 50
export const EVIDENCE_MAX = 20
/** All of it fits into the record of its opening. */
export const EVIDENCE_BYTES_MAX = 1_500
export const SPRINT_TITLE_BYTES_MAX = 200
export const SPRINT_NOTE_BYTES_MAX = 2_000

/** Of sprints, tracks, threat shapes and surfaces: `s023`, `c`, `audit-before-write`, `money`. */
export const GateSlug = AgentName

/** A Git commit's whole hash, SHA-1 or SHA-256: a short one may come to mean another commit. */
export const Commit = Type.String({ pattern: '^([0-9a-f]{40}|[0-9a-f]{64})$', maxLength: 64 })

const Text = Type.String({ minLength: 1 })
const Actor = Type.String({ minLength: 1, maxLength: 200 })

export const SprintOrigin = Type.Union([
  Type.Literal('planned'),
  /** Opened by the healer, for an incident that recurs. */
  Type.Literal('corrective'),
  /** From before there was a gate: only what was counted then is known. */
  Type.Literal('seed'),
])

export const Verdict = Type.Union([
  Type.Literal('GREEN'),
  Type.Literal('BLOCKED'),
  Type.Literal('REFINE'),
  Type.Literal('PENDING'),
])
export type Verdict = Static<typeof Verdict>

const Trigger = Type.Object({
  /** The healer's trigger: `seed-inbox-staleness`. */
  name: GateSlug,
  incidentId: Uuid,
  /** What it saw, each at most EVIDENCE_BYTES_MAX bytes of UTF-8. */
  evidence: Type.Array(Text, { minItems: 1, maxItems: EVIDENCE_MAX }),
})

export const Sprint = Type.Object({
  tenantId: TenantId,
  sprintId: GateSlug,
  origin: SprintOrigin,
  title: Text,
  note: Type.Optional(Text),
  openedBy: Actor,
  openedAt: Timestamp,
  /** Of a corrective sprint: what it is to mend. */
  trigger: Type.Optional(Trigger),
})
export type Sprint = Static<typeof Sprint>

export const LockId = Type.String({
  pattern: '^LOCK-([A-Z][A-Z0-9]*-)+[0-9]+$',
  maxLength: 63,
})

const trackFields = {
  trackId: GateSlug,
  title: Text,
  /** Who does the work; `agent.kasra` is the agent kasra. */
  author: PrincipalId,
  locks: Type.Array(LockId, { maxItems: 50, uniqueItems: true }),
}

const IterationNumber = Type.Integer({ minimum: 1, maximum: ITERATIONS_MAX })

export const Track = Type.Object({
  sprintId: GateSlug,
  ...trackFields,
  addedBy: Actor,
  addedAt: Timestamp,
  /** 0 before the first. */
  newestIteration: Type.Integer({ minimum: 0, maximum: ITERATIONS_MAX }),
  /** The last one of the newest iteration; absent while that was not judged. */
  verdict: Type.Optional(Verdict),
})
export type Track = Static<typeof Track>

const TrackDetails = Type.Object({
  ...Track.properties,
  /** The oldest first. */
  iterations: Type.Array(
    Type.Object({
      iteration: IterationNumber,
      commit: Commit,
      submittedBy: Actor,
      submittedAt: Timestamp,
      verdict: Type.Optional(Verdict),
    }),
    { maxItems: ITERATIONS_MAX },
  ),
})

const textErrors = ['gate.text-too-large', 'gate.invalid-text']

/** Opens a sprint that is planned. */
export const openSprint = defineRequest({
  subject: 'rpc.gate.v1.open-sprint',
  request: Type.Object({
    requestId: Uuid,
    sprintId: GateSlug,
    /** At most SPRINT_TITLE_BYTES_MAX bytes of UTF-8. */
    title: Text,
    /** At most SPRINT_NOTE_BYTES_MAX bytes of UTF-8. */
    note: Type.Optional(Text),
  }),
  reply: Sprint,
  errors: [...textErrors, 'gate.invalid-field', 'gate.sprint-exists', 'gate.limit-reached'],
  timeoutMs: 5_000,
})

/**
 * Opens the sprint that is to end an incident for good, once per incident: a second call gets the
 * one that there is, whatever it says. Its id is `corrective-<incidentId>`.
 */
export const openCorrectiveSprint = defineRequest({
  subject: 'rpc.gate.v1.open-corrective-sprint',
  request: Type.Object({ requestId: Uuid, title: Text, trigger: Trigger }),
  reply: Sprint,
  errors: [...textErrors, 'gate.sprint-exists', 'gate.limit-reached'],
  timeoutMs: 5_000,
})

/** A sprint with its tracks, by their ids; none of the tracks of a seed, which its ledger has. */
export const getSprint = defineRequest({
  subject: 'rpc.gate.v1.get-sprint',
  request: Type.Object({ sprintId: GateSlug }),
  reply: Type.Object({
    ...Sprint.properties,
    tracks: Type.Array(Track, { maxItems: TRACKS_MAX }),
  }),
  errors: ['gate.sprint-not-found'],
  timeoutMs: 2_000,
})

/** Sorted by their ids. */
export const listSprints = defineRequest({
  subject: 'rpc.gate.v1.list-sprints',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    after: Type.Optional(GateSlug),
    origin: Type.Optional(SprintOrigin),
  }),
  reply: Type.Object({
    /** Without what triggered them. */
    sprints: Type.Array(Type.Omit(Sprint, ['trigger']), { maxItems: 200 }),
    next: Type.Optional(Cursor),
  }),
  errors: [],
  timeoutMs: 5_000,
})

export const addTrack = defineRequest({
  subject: 'rpc.gate.v1.add-track',
  request: Type.Object({ requestId: Uuid, sprintId: GateSlug, ...trackFields }),
  reply: Track,
  errors: [
    ...textErrors,
    'gate.sprint-not-found',
    'gate.sprint-historic',
    'gate.track-exists',
    'gate.limit-reached',
  ],
  timeoutMs: 5_000,
})

export const getTrack = defineRequest({
  subject: 'rpc.gate.v1.get-track',
  request: Type.Object({ sprintId: GateSlug, trackId: GateSlug }),
  reply: TrackDetails,
  errors: ['gate.track-not-found'],
  timeoutMs: 2_000,
})

/**
 * Brings the track's next iteration to the gate. After GREEN only where something was found since.
 */
export const submitIteration = defineRequest({
  subject: 'rpc.gate.v1.submit-iteration',
  request: Type.Object({
    requestId: Uuid,
    sprintId: GateSlug,
    trackId: GateSlug,
    commit: Commit,
  }),
  reply: TrackDetails,
  errors: [
    'gate.track-not-found',
    'gate.commit-submitted',
    'gate.track-green',
    'gate.limit-reached',
  ],
  timeoutMs: 5_000,
})

const aboutSprint = { tenantId: TenantId, sprintId: GateSlug }

export const sprintOpened = defineEvent({
  subject: 'evt.gate.v1.sprint-opened',
  payload: Type.Object({ ...aboutSprint, origin: SprintOrigin }),
})

export const trackAdded = defineEvent({
  subject: 'evt.gate.v1.track-added',
  payload: Type.Object({ ...aboutSprint, trackId: GateSlug }),
})

export const iterationSubmitted = defineEvent({
  subject: 'evt.gate.v1.iteration-submitted',
  payload: Type.Object({
    ...aboutSprint,
    trackId: GateSlug,
    iteration: IterationNumber,
    commit: Commit,
  }),
})
