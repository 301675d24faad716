import { Type, type Static } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Commit, GateSlug, ITERATIONS_MAX, Verdict } from './gate.ts'
import { PrincipalId } from './principals.ts'
import { Cursor, Sha256Hex, TenantId, Timestamp, Uuid } from './scalars.ts'

/** WARNs and INFOs of a track. */
export const OTHERS_MAX = 50
export const BLOCKS_MAX = 50
/** Of those the ones that came before a GREEN: there is always room for some after it. */
export const BLOCKS_BEFORE_GREEN_MAX = 30
/** Of a track, so that all that a verdict judges fits into one answer. */
export const FINDINGS_MAX = OTHERS_MAX + BLOCKS_MAX
/** Of an iteration: PENDING may be said again, the others once. */
export const VERDICTS_MAX = 20
export const FINDING_TITLE_BYTES_MAX = 200
export const TESTS_BYTES_MAX = 300
export const REPRODUCED_BYTES_MAX = 1_000
export const OUTPUT_BYTES_MAX = 500

/** The two sides from which every iteration is looked at, at the same time. */
export const Arm = Type.Union([Type.Literal('correctness'), Type.Literal('adversarial')])
export type Arm = Static<typeof Arm>
export const ARMS: readonly Arm[] = ['correctness', 'adversarial']

export const Severity = Type.Union([
  Type.Literal('BLOCK-P0'),
  Type.Literal('BLOCK-P1'),
  Type.Literal('WARN'),
  Type.Literal('INFO'),
])
export type Severity = Static<typeof Severity>

const Text = Type.String({ minLength: 1 })
const Actor = Type.String({ minLength: 1, maxLength: 200 })
const Iteration = Type.Integer({ minimum: 1, maximum: ITERATIONS_MAX })
const FindingNumber = Type.Integer({ minimum: 1, maximum: FINDINGS_MAX })
const Count = Type.Integer({ minimum: 0, maximum: 10_000_000 })

const reportFields = {
  arm: Arm,
  /** The commit that was looked at: the iteration's. */
  commit: Commit,
  testsRun: Count,
  testsPassed: Count,
  /** How it was looked at, at most REPRODUCED_BYTES_MAX bytes of UTF-8. */
  how: Text,
}
export const Report = Type.Object({ ...reportFields, by: Actor, at: Timestamp })
export type Report = Static<typeof Report>

const findingFields = {
  arm: Arm,
  severity: Severity,
  /** At most FINDING_TITLE_BYTES_MAX bytes of UTF-8. */
  title: Text,
  evidence: Type.Object({
    /** The commit in which it is: the iteration's. */
    commit: Commit,
    /** What was run, at most TESTS_BYTES_MAX bytes of UTF-8. */
    tests: Type.Optional(Text),
    /** At most REPRODUCED_BYTES_MAX bytes of UTF-8. */
    reproduced: Text,
  }),
  /** The threat shape that it is an occurrence of; an unknown one becomes a candidate. */
  shape: Type.Optional(GateSlug),
}

/** At most OUTPUT_BYTES_MAX bytes of it, or its hash, or both. */
const outputFields = { output: Type.Optional(Text), outputSha256: Type.Optional(Sha256Hex) }

const fixFields = {
  /** In which it is mended; not the one in which it was found. */
  commit: Commit,
  /** The test's name, at most FINDING_TITLE_BYTES_MAX bytes of UTF-8. */
  test: Text,
  failedBefore: Type.Object({ commit: Commit, ...outputFields }),
  passesAfter: Type.Object(outputFields),
}

export const Fix = Type.Object({
  ...fixFields,
  /** The iteration in which the fix is: the one of its commit, else the next. */
  arrivesIn: Type.Integer({ minimum: 2, maximum: ITERATIONS_MAX + 1 }),
  by: Actor,
  at: Timestamp,
})
export const Carry = Type.Object({ to: GateSlug, by: Actor, at: Timestamp })

export const Finding = Type.Object({
  number: FindingNumber,
  iteration: Iteration,
  ...findingFields,
  state: Type.Union([Type.Literal('open'), Type.Literal('fixed'), Type.Literal('carried')]),
  /** Found when its iteration, or a later one, was GREEN: it counts against the sprint. */
  postGreen: Type.Boolean(),
  by: Actor,
  at: Timestamp,
  fix: Type.Optional(Fix),
  carry: Type.Optional(Carry),
})
export type Finding = Static<typeof Finding>

const iterationKey = { sprintId: GateSlug, trackId: GateSlug, iteration: Iteration }

/** Everything that a verdict judges. Its hash is signed, so that nothing changes under it. */
export const Judged = Type.Object({
  ...iterationKey,
  commit: Commit,
  author: PrincipalId,
  /** Sorted by arm. */
  reports: Type.Array(Report, { maxItems: 2 }),
  /** All of the track, by their numbers, as they stand. */
  findings: Type.Array(Finding, { maxItems: FINDINGS_MAX }),
})
export type Judged = Static<typeof Judged>

export const GivenVerdict = Type.Object({
  ...iterationKey,
  commit: Commit,
  verdict: Verdict,
  principal: PrincipalId,
  /** SHA-256 of what was judged as canonical JSON (RFC 8785). */
  sha256: Sha256Hex,
  /** The signed statement, for whoever wants to check it. */
  note: Text,
  at: Timestamp,
})
export type GivenVerdict = Static<typeof GivenVerdict>

/** An iteration as it stands, and what was said of it. */
export const getIteration = defineRequest({
  subject: 'rpc.gate.v1.get-iteration',
  request: Type.Object(iterationKey),
  reply: Type.Object({
    tenantId: TenantId,
    judged: Judged,
    /** Of `judged`, as it stands now. */
    sha256: Sha256Hex,
    verdicts: Type.Array(GivenVerdict, { maxItems: VERDICTS_MAX }),
  }),
  errors: ['gate.iteration-not-found'],
  timeoutMs: 5_000,
})

const textErrors = ['gate.text-too-large', 'gate.invalid-text']

/** What an arm found out on the whole: once per iteration, and never by who did the work. */
export const reportArm = defineRequest({
  subject: 'rpc.gate.v1.report-arm',
  request: Type.Object({ requestId: Uuid, ...iterationKey, ...reportFields }),
  reply: Report,
  errors: [
    ...textErrors,
    'gate.iteration-not-found',
    'gate.invalid-field',
    'gate.other-commit',
    'gate.own-work',
    'gate.arm-reported',
  ],
  timeoutMs: 5_000,
})

export const recordFinding = defineRequest({
  subject: 'rpc.gate.v1.record-finding',
  request: Type.Object({ requestId: Uuid, ...iterationKey, ...findingFields }),
  reply: Finding,
  errors: [
    ...textErrors,
    'gate.iteration-not-found',
    'gate.other-commit',
    'gate.shape-incomplete',
    'gate.limit-reached',
  ],
  timeoutMs: 5_000,
})

const findingKey = { sprintId: GateSlug, trackId: GateSlug, number: FindingNumber }

/** Closes a finding by a fix, with the test that failed before it and passes after. */
export const fixFinding = defineRequest({
  subject: 'rpc.gate.v1.fix-finding',
  request: Type.Object({ requestId: Uuid, ...findingKey, ...fixFields }),
  reply: Finding,
  errors: [...textErrors, 'gate.finding-not-found', 'gate.invalid-field', 'gate.finding-closed'],
  timeoutMs: 5_000,
})

/** Leaves a finding to another sprint. A BLOCK is mended where it was found. */
export const carryFinding = defineRequest({
  subject: 'rpc.gate.v1.carry-finding',
  request: Type.Object({ requestId: Uuid, ...findingKey, to: GateSlug }),
  reply: Finding,
  errors: [
    'gate.finding-not-found',
    'gate.sprint-not-found',
    'gate.sprint-historic',
    'gate.invalid-field',
    'gate.block-not-carried',
    'gate.finding-closed',
  ],
  timeoutMs: 5_000,
})

/** Of a track, by their numbers. */
export const listFindings = defineRequest({
  subject: 'rpc.gate.v1.list-findings',
  request: Type.Object({
    sprintId: GateSlug,
    trackId: GateSlug,
    limit: Type.Integer({ minimum: 1, maximum: FINDINGS_MAX }),
    after: Type.Optional(FindingNumber),
  }),
  reply: Type.Object({
    findings: Type.Array(Finding, { maxItems: FINDINGS_MAX }),
    next: Type.Optional(Cursor),
  }),
  errors: ['gate.track-not-found'],
  timeoutMs: 5_000,
})

/**
 * Judges the newest iteration, by a note that `agent.athena` has signed: see `gateVerdictText`.
 * Whoever may call, only she can want it.
 */
export const giveVerdict = defineRequest({
  subject: 'rpc.gate.v1.give-verdict',
  request: Type.Object({
    requestId: Uuid,
    ...iterationKey,
    commit: Commit,
    verdict: Verdict,
    note: Type.String({ minLength: 1, maxLength: 4_000 }),
  }),
  reply: GivenVerdict,
  errors: [
    'gate.iteration-not-found',
    'gate.other-commit',
    'gate.not-newest',
    'gate.already-judged',
    'gate.own-work',
    'gate.arm-missing',
    'gate.tests-failed',
    'gate.blocks-open',
    'gate.fix-not-reviewed',
    'gate.judged-changed',
    'gate.limit-reached',
    'objectives.principal-not-found',
    'objectives.principal-suspended',
    'objectives.signature-invalid',
  ],
  timeoutMs: 10_000,
})

const about = { tenantId: TenantId, sprintId: GateSlug, trackId: GateSlug }
const aboutIteration = { ...about, iteration: Iteration }

export const armReported = defineEvent({
  subject: 'evt.gate.v1.arm-reported',
  payload: Type.Object({ ...aboutIteration, arm: Arm }),
})

export const findingRecorded = defineEvent({
  subject: 'evt.gate.v1.finding-recorded',
  payload: Type.Object({
    ...aboutIteration,
    number: FindingNumber,
    severity: Severity,
    postGreen: Type.Boolean(),
  }),
})

export const findingFixed = defineEvent({
  subject: 'evt.gate.v1.finding-fixed',
  payload: Type.Object({ ...about, number: FindingNumber, commit: Commit }),
})

export const findingCarried = defineEvent({
  subject: 'evt.gate.v1.finding-carried',
  payload: Type.Object({ ...about, number: FindingNumber, to: GateSlug }),
})

export const verdictGiven = defineEvent({
  subject: 'evt.gate.v1.verdict-given',
  payload: Type.Object({ ...aboutIteration, verdict: Verdict, commit: Commit, sha256: Sha256Hex }),
})
