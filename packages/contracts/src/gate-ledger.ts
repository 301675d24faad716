import { Type, type Static } from 'typebox'
import { defineRequest } from './define.ts'
import { Finding } from './gate-review.ts'
import { GateSlug, Sprint, TRACKS_MAX, Verdict } from './gate.ts'

/** Findings that a ledger names of those that other sprints left to it. */
export const CARRIED_HERE_MAX = 100

const Count = Type.Integer({ minimum: 0 })

const counts = {
  /** BLOCKs found before GREEN. */
  blocks: Count,
  /** Of these and of those found after GREEN: neither fixed nor carried. */
  blocksOpen: Count,
  iterations: Count,
  /** Findings of any severity after GREEN: they count against the sprint. */
  postGreen: Count,
  /** Of these, the BLOCKs. */
  postGreenBlocks: Count,
  carries: Count,
}

/** Found before GREEN. */
export const BySeverity = Type.Object({
  'BLOCK-P0': Count,
  'BLOCK-P1': Count,
  WARN: Count,
  INFO: Count,
})

export const LedgerRow = Type.Object({
  trackId: GateSlug,
  title: Type.String({ minLength: 1 }),
  ...counts,
  /** Absent where only the number of BLOCKs is known. */
  bySeverity: Type.Optional(BySeverity),
  /** Of the newest iteration; absent while that was not judged. */
  verdict: Type.Optional(Verdict),
})
export type LedgerRow = Static<typeof LedgerRow>

/** A finding of another sprint that is left to this one. */
const CarriedHere = Type.Object({
  ...{ sprintId: GateSlug, trackId: GateSlug },
  ...Type.Pick(Finding, ['number', 'severity', 'title']).properties,
})

/** What the gate caught in a sprint, before GREEN and after. */
export const Ledger = Type.Object({
  ...Type.Pick(Sprint, ['tenantId', 'sprintId', 'origin', 'title', 'note']).properties,
  /** By the ids of the tracks. */
  tracks: Type.Array(LedgerRow, { maxItems: TRACKS_MAX }),
  totals: Type.Object({ ...counts, carriedHere: Count }),
  /** By sprint, track and number. */
  carriedHere: Type.Array(CarriedHere, { maxItems: CARRIED_HERE_MAX }),
})
export type Ledger = Static<typeof Ledger>

/** The AGD ledger of a sprint. */
export const getLedger = defineRequest({
  subject: 'rpc.gate.v1.get-ledger',
  request: Type.Object({ sprintId: GateSlug }),
  reply: Ledger,
  errors: ['gate.sprint-not-found'],
  timeoutMs: 5_000,
})
