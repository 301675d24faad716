import { randomUUID } from 'node:crypto'
import type { KeyResult, ObjectiveContent } from '@mumega/contracts/objective-content'
import type { DecisionKind, Objective } from '@mumega/contracts/objectives'
import {
  createObjective,
  decideObjective,
  editObjective,
  proposeObjective,
} from '@mumega/contracts/objectives'
import { decisionText } from '@mumega/tlog/decision'
import type { Signer } from '@mumega/tlog/note'
import { agent, noteOf, type TestObjectives } from './given.ts'

export function keyResult(changes: Partial<KeyResult> = {}): KeyResult {
  return {
    keyResultId: 'paying-tenants',
    title: 'Tenants that pay',
    unit: 'tenants',
    baseline: 3,
    target: 10,
    direction: 'increase',
    formula: { kind: 'count', of: { kinds: ['payment'] } },
    ...changes,
  }
}

export function content(changes: Partial<ObjectiveContent> = {}): ObjectiveContent {
  return {
    title: 'Strangers pay for what we do',
    owner: 'kasra',
    period: { from: '2026-10-01', to: '2026-12-31' },
    keyResults: [keyResult()],
    ...changes,
  }
}

/** The steps of an objective's life, as an agent of `acme` takes them. */
export function stepsOf(objectives: TestObjectives, context = agent('kasra')) {
  const { call } = objectives
  const requestId = () => randomUUID()
  return {
    draft: (changes: Partial<ObjectiveContent> = {}) =>
      call(context, createObjective, { requestId: requestId(), content: content(changes) }),
    edit: ({ objectiveId, newestVersion }: Objective, changes: Partial<ObjectiveContent> = {}) =>
      call(context, editObjective, {
        ...{ requestId: requestId(), objectiveId, replacesVersion: newestVersion },
        content: content(changes),
      }),
    propose: ({ objectiveId, version }: Objective) =>
      call(context, proposeObjective, { requestId: requestId(), objectiveId, version }),
    decide: (
      objective: Objective,
      order: { decision: DecisionKind; note: string; reason?: string },
    ) =>
      call(context, decideObjective, {
        ...{ requestId: requestId(), objectiveId: objective.objectiveId },
        ...{ version: objective.version, ...order },
      }),
    async proposed(changes: Partial<ObjectiveContent> = {}) {
      return this.propose(await this.draft(changes))
    },
    async ratified(athena: Signer, changes: Partial<ObjectiveContent> = {}) {
      const proposed = await this.proposed(changes)
      return this.decide(proposed, { decision: 'ratify', note: noteOn(proposed, athena) })
    },
  }
}

/** What this signer says of a version, by default that it is ratified. */
export function noteOn(
  { objectiveId, version, sha256, objections }: Objective,
  signer: Signer,
  { tenant = 'acme', reason, ...changes }: Partial<Parameters<typeof decisionText>[0]> = {},
): string {
  const decision = changes.decision ?? 'ratify'
  const text = decisionText({
    ...{ decision, principal: 'agent.athena', tenant, objective: objectiveId, version, sha256 },
    ...(decision === 'ratify' && { objections: objections.length }),
    ...(reason !== undefined && { reason }),
    ...changes,
  })
  return noteOf(text, [signer])
}

/** All that is on record of objectives, to be the same after what changes nothing. */
export async function recordOf({ admin }: TestObjectives): Promise<unknown[]> {
  const found = await admin.raw<{ rows: unknown[] }>(
    `select (select json_agg(o order by objective_id) from objectives o) as objectives,
            (select json_agg(v order by objective_id, version) from objective_versions v)
              as versions,
            (select count(*) from objective_changes) as changes,
            (select count(*) from key_results) as key_results,
            (select count(*) from objections) as objections,
            (select count(*) from ratifications) as ratifications`,
  )
  return found.rows
}
