import { createHash } from 'node:crypto'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  FINDING_TITLE_BYTES_MAX,
  findingCarried,
  findingFixed,
  OUTPUT_BYTES_MAX,
  type carryFinding,
  type Finding,
  type fixFinding,
} from '@mumega/contracts/gate-review'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing } from '@mumega/db/act'
import { blockNotCarried, findingClosed, findingNotFound, invalidField } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { checkWritable } from '../sprints/add-track.ts'
import { listIterations, lockTrack, type TrackKey } from '../sprints/track-repository.ts'
import { checkText } from '../text.ts'
import { findFinding, insertCarry, insertFix, type FindingKey } from './finding-repository.ts'

/**
 * Closes a finding by a fix. The fix counts from the iteration on that has it: no verdict on an
 * earlier commit takes it for done.
 *
 * @throws gate.finding-not-found, .finding-closed, .invalid-field, .text-too-large, .invalid-text
 */
export async function handleFixFinding(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, ...said }: RequestOf<typeof fixFinding>,
): Promise<ReplyOf<typeof fixFinding>> {
  checkFix(said)
  const { sprintId, trackId, number, ...fix } = said
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId, number }
  const request = { requestId, command: 'fix-finding', content: { actor, ...said } }
  return act(db, { context, clock, request }, async (trx) => {
    const finding = await lockOpen(trx, key)
    const arrivesIn = await arrivalOf(trx, key, { commit: fix.commit, finding })
    const at = clock.now().toISOString()
    await insertFix(trx, key, { ...fix, arrivesIn, by: actor.id, at })
    return {
      reply: await readClosed(trx, key),
      audit: [
        {
          action: 'finding.fixed',
          target: `track:${sprintId}/${trackId}`,
          payload: { number, arrivesIn, ...fix },
        },
      ],
      events: [outgoing(findingFixed, { ...key, commit: fix.commit })],
    }
  })
}

/**
 * Leaves a finding that is no BLOCK to another sprint.
 *
 * @throws gate.finding-not-found, .finding-closed, .sprint-not-found, .sprint-historic,
 * .invalid-field, .block-not-carried
 */
export async function handleCarryFinding(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, sprintId, trackId, number, to }: RequestOf<typeof carryFinding>,
): Promise<ReplyOf<typeof carryFinding>> {
  if (to === sprintId) throw invalidField('to', 'is the sprint in which it was found')
  const { tenantId, actor } = context
  const key = { tenantId, sprintId, trackId, number }
  const content = { actor, sprintId, trackId, number, to }
  const request = { requestId, command: 'carry-finding', content }
  return act(db, { context, clock, request }, async (trx) => {
    const { severity } = await lockOpen(trx, key)
    if (isBlock(severity)) throw blockNotCarried()
    await checkWritable(trx, { tenantId, sprintId: to })
    await insertCarry(trx, key, { to, by: actor.id, at: clock.now().toISOString() })
    return {
      reply: await readClosed(trx, key),
      audit: [
        {
          action: 'finding.carried',
          target: `track:${sprintId}/${trackId}`,
          payload: { number, to },
        },
      ],
      events: [outgoing(findingCarried, { ...key, to })],
    }
  })
}

export function isBlock(severity: Finding['severity']): boolean {
  return severity === 'BLOCK-P0' || severity === 'BLOCK-P1'
}

/** @throws gate.invalid-field, .text-too-large, .invalid-text */
function checkFix(fix: Omit<RequestOf<typeof fixFinding>, 'requestId'>): void {
  checkText('test', fix.test, FINDING_TITLE_BYTES_MAX)
  for (const field of ['failedBefore', 'passesAfter'] as const) {
    const { output, outputSha256 } = fix[field]
    checkText(`${field}.output`, output, OUTPUT_BYTES_MAX)
    if (output === undefined && outputSha256 === undefined) {
      throw invalidField(`${field}.output`, 'is missing, and so is its outputSha256: give one')
    }
  }
  if (fix.failedBefore.commit === fix.commit) {
    throw invalidField('failedBefore.commit', 'is the fix itself, in which the test passes')
  }
  if (hashOf(fix.failedBefore) === hashOf(fix.passesAfter)) {
    throw invalidField('passesAfter', 'is what the test said when it failed')
  }
}

/** SHA-256 of what a test said, as lower-case hex. */
function hashOf({ output, outputSha256 }: { output?: string; outputSha256?: string }) {
  return output === undefined ? outputSha256 : createHash('sha256').update(output).digest('hex')
}

/** Nothing is added to its track until `trx` ends. */
async function lockOpen(trx: Knex.Transaction, key: FindingKey): Promise<Finding> {
  const track = await lockTrack(trx, key)
  const finding = track === undefined ? undefined : await findFinding(trx, key)
  if (finding === undefined) throw findingNotFound(key.number)
  if (finding.state !== 'open') throw findingClosed(finding.state)
  return finding
}

/** The iteration in which a fix is. Needs the track's lock. */
async function arrivalOf(
  trx: Knex.Transaction,
  key: TrackKey,
  { commit, finding }: { commit: string; finding: Finding },
): Promise<number> {
  const iterations = await listIterations(trx, key)
  const same = iterations.find((one) => one.commit === commit)
  if (same === undefined) return iterations.length + 1
  if (same.iteration > finding.iteration) return same.iteration
  throw invalidField('commit', `is that of iteration ${same.iteration}: the finding is in it`)
}

async function readClosed(trx: Knex.Transaction, key: FindingKey): Promise<Finding> {
  const closed = await findFinding(trx, key)
  if (closed === undefined) throw new Error('a finding is gone that was closed')
  return closed
}
