import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { addTrack, openSprint, submitIteration, type Verdict } from '@mumega/contracts/gate'
import {
  carryFinding,
  fixFinding,
  getIteration,
  giveVerdict,
  recordFinding,
  reportArm,
  type Arm,
  type Severity,
} from '@mumega/contracts/gate-review'
import type { CallContext } from '@mumega/contracts/scalars'
import { gateVerdictText } from '@mumega/tlog/gate-verdict'
import { signNote, type Signer } from '@mumega/tlog/note'
import { agent, newCommit, type TestGate } from './given.ts'

/** One iteration of a track of a sprint. */
export interface At {
  readonly sprintId: string
  readonly trackId: string
  readonly iteration: number
  readonly commit: string
}

type FindingChanges = Partial<Omit<RequestOf<typeof recordFinding>, 'requestId'>>
type FixChanges = Partial<Omit<RequestOf<typeof fixFinding>, 'requestId'>> & { by?: CallContext }
interface Brought {
  verdict?: Verdict
  by?: CallContext
}
type Iteration = ReplyOf<typeof getIteration>

let sprints = 0

/** The steps of work that passes the gate, as agents of `acme` take them. */
export function stepsOf({ call, signer }: TestGate) {
  const kasra = agent('kasra')
  const shown = ({ sprintId, trackId, iteration }: At) =>
    call(agent('loom'), getIteration, { sprintId, trackId, iteration })
  const steps = {
    shown,
    async sprint(changes: Partial<RequestOf<typeof openSprint>> = {}): Promise<string> {
      sprints += 1
      const order = { sprintId: `s${sprints}`, title: `Sprint ${sprints}`, ...changes }
      return (await call(agent('loom'), openSprint, order)).sprintId
    },
    async track(changes: Partial<RequestOf<typeof addTrack>> = {}) {
      const sprintId = changes.sprintId ?? (await steps.sprint())
      const order = { sprintId, trackId: 'a', title: 'A', author: 'agent.kasra', locks: [] }
      const track = await call(agent('loom'), addTrack, { ...order, ...changes })
      return { sprintId, trackId: track.trackId }
    },
    async submit(
      { sprintId, trackId }: Pick<At, 'sprintId' | 'trackId'>,
      commit = newCommit(),
      context = kasra,
    ): Promise<At> {
      const track = await call(context, submitIteration, { sprintId, trackId, commit })
      return { sprintId, trackId, iteration: track.newestIteration, commit }
    },
    report: (at: At, arm: Arm, context: CallContext = agent('river')) =>
      call(context, reportArm, { ...at, ...RAN, arm }),
    async reported(at: At): Promise<At> {
      await steps.report(at, 'correctness')
      await steps.report(at, 'adversarial', agent('probe'))
      return at
    },
    /** An iteration on which both arms have reported. */
    reviewed: async (changes: Partial<RequestOf<typeof addTrack>> = {}): Promise<At> =>
      steps.reported(await steps.submit(await steps.track(changes))),
    find: (at: At, severity: Severity = 'BLOCK-P1', changes: FindingChanges = {}) =>
      call(agent('probe'), recordFinding, {
        ...{ sprintId: at.sprintId, trackId: at.trackId, iteration: at.iteration },
        ...{ arm: 'adversarial', severity, title: 'Two at once both win' },
        evidence: { commit: at.commit, reproduced: 'Eight requests at once.' },
        ...changes,
      }),
    fix: (
      { sprintId, trackId, commit: before }: At,
      number: number,
      { by = kasra, ...changes }: FixChanges = {},
    ) =>
      call(by, fixFinding, {
        ...{ sprintId, trackId, number, commit: newCommit(), test: 'two at once are one' },
        failedBefore: { commit: before, output: '✕ two at once are one' },
        passesAfter: { output: '✓ two at once are one' },
        ...changes,
      }),
    carry: ({ sprintId, trackId }: At, number: number, to: string) =>
      call(kasra, carryFinding, { sprintId, trackId, number, to }),
    bring: (at: At, note: string, { verdict = 'GREEN', by = agent('loom') }: Brought = {}) =>
      call(by, giveVerdict, { ...at, verdict, note }),
    async judge(at: At, verdict: Verdict = 'GREEN') {
      const note = noteOn(await shown(at), signer('agent.athena'), { verdict })
      return steps.bring(at, note, { verdict })
    },
    async green(changes: Partial<RequestOf<typeof addTrack>> = {}): Promise<At> {
      const at = await steps.reviewed(changes)
      await steps.judge(at)
      return at
    },
  }
  return steps
}

/** What an arm says of its tests. */
export const RAN = { testsRun: 12, testsPassed: 12, how: 'Ran them.' }

type Fields = Parameters<typeof gateVerdictText>[0]

/** What this signer says of an iteration as it stands, by default that it is GREEN. */
export function noteOn(
  { tenantId, judged, sha256 }: Iteration,
  signer: Signer,
  changes: Partial<Fields> = {},
): string {
  const text = gateVerdictText({
    ...{ principal: 'agent.athena', tenant: tenantId, sprint: judged.sprintId },
    ...{ track: judged.trackId, iteration: judged.iteration, commit: judged.commit },
    ...{ verdict: 'GREEN', sha256 },
    ...changes,
  })
  return signNote(text, signer)
}

/** All that is on record, to be the same after what changes nothing. */
export async function recordOf({ admin }: TestGate): Promise<unknown[]> {
  const found = await admin.raw<{ rows: unknown[] }>(
    `select (select json_agg(t order by sprint_id, track_id) from tracks t) as tracks,
            (select count(*) from iterations) as iterations,
            (select count(*) from reports) as reports,
            (select count(*) from findings) as findings,
            (select count(*) from closings) as closings,
            (select count(*) from verdicts) as verdicts,
            (select count(*) from sprints) as sprints,
            (select json_agg(s order by tenant_id, shape_id) from shapes s) as shapes`,
  )
  return found.rows
}
