import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { reportArm } from '@mumega/contracts/gate-review'
import { reinstatePrincipal, suspendPrincipal } from '@mumega/contracts/principals'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import { eventually } from '@mumega/testkit'
import { canonicalJson } from '@mumega/tlog/canonical'
import {
  agent,
  codeOf,
  newCommit,
  operator,
  refusal,
  startTestGate,
  type TestGate,
} from './given.ts'
import { noteOn, RAN, recordOf, stepsOf, type At } from './given-review.ts'

let gate: TestGate
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  gate = await startTestGate()
  steps = stepsOf(gate)
}, 60_000)
afterAll(() => gate.stop())

const athena = () => gate.signer('agent.athena')
const tally = () => recordOf(gate)

/** How many acts the service has put on their way to the ledger. */
async function intents(): Promise<number> {
  const isEmpty = async () => {
    const [row] = await gate.admin('outbox').count({ count: '*' })
    return Number(row?.count) === 0
  }
  await eventually(isEmpty, { what: 'an empty outbox' })
  const [row] = await gate.admin<{ last_number: string }>('outbox_counter').select()
  return Number(row?.last_number)
}

test('what both arms have looked at is GREEN by athena’s signature, which whoever reads it can check', async () => {
  const at = await steps.reviewed()
  const before = await steps.shown(at)
  expect(before.sha256).toBe(
    createHash('sha256').update(canonicalJson(before.judged)).digest('hex'),
  )
  const note = noteOn(before, athena())

  const given = await steps.bring(at, note)

  expect(given).toMatchObject({ verdict: 'GREEN', principal: 'agent.athena', note, ...at })
  expect(given.sha256).toBe(before.sha256)
  expect((await steps.shown(at)).verdicts).toEqual([given])
  const [row] = await gate.admin<{ note: string; judged: Buffer }>('verdicts').where({ note })
  expect(JSON.parse(String(row?.judged))).toEqual(before.judged)
})

test('no token and no other signature is a verdict, and nothing changes by it', async () => {
  const at = await steps.reviewed()
  const [shown, other] = [await steps.shown(at), await steps.shown(await steps.reviewed())]
  const loom = gate.signer('agent.loom')
  const wrong: [fault: string, note: string][] = [
    ['malformed', 'yes'],
    ['unsigned', noteOn(shown, loom)],
    ['invalid-signature', noteOn(shown, loom).replaceAll('agent.loom', 'agent.athena')],
    ['other-text', noteOn(shown, athena(), { verdict: 'BLOCKED' })],
    ['other-text', noteOn(shown, athena(), { tenant: 'globex' })],
    ['other-text', noteOn(shown, athena(), { iteration: 2 })],
    ['other-text', noteOn(shown, athena(), { commit: newCommit() })],
    ['other-text', noteOn(shown, athena(), { sha256: other.sha256 })],
    ['other-text', noteOn(other, athena())],
  ]
  const before = await tally()
  for (const context of [operator('acme'), agent('athena')]) {
    for (const [fault, note] of wrong) {
      const refused = await refusal(steps.bring(at, note, { by: context }))
      const { code, details } = refused
      expect([code, details['fault']]).toEqual([
        'objectives.signature-invalid',
        fault === 'invalid-signature' ? 'unsigned' : fault,
      ])
      expect(noteOn(shown, athena()).startsWith(`${String(details['expected'])}\n`)).toBe(true)
    }
  }
  expect(await tally()).toEqual(before)
})

test('GREEN is refused while a BLOCK is open, and with a fix that is in a later commit', async () => {
  const at = await steps.reviewed()
  const { number } = await steps.find(at, 'BLOCK-P0')
  await steps.find(at, 'WARN')
  expect(await refusal(steps.judge(at))).toEqual({
    ...{ code: 'gate.blocks-open', details: { open: String(number) } },
  })
  const fixed = await steps.fix(at, number)
  expect(fixed).toMatchObject({ state: 'fixed', fix: { arrivesIn: 2 } })
  expect(await refusal(steps.judge(at))).toEqual({
    ...{ code: 'gate.fix-not-reviewed', details: { findings: String(number) } },
  })

  const next = await steps.reported(await steps.submit(at, fixed.fix?.commit))
  expect(await steps.judge(next)).toMatchObject({ verdict: 'GREEN', iteration: 2 })
})

test('GREEN is refused with one arm reported', async () => {
  const at = await steps.submit(await steps.track())
  await steps.report(at, 'correctness')
  expect(await refusal(steps.judge(at))).toEqual({
    ...{ code: 'gate.arm-missing', details: { missing: 'adversarial' } },
  })
  // What is not GREEN needs nobody to have looked.
  expect(await steps.judge(at, 'PENDING')).toMatchObject({ verdict: 'PENDING' })
  await steps.report(at, 'adversarial')
  expect(await steps.judge(at)).toMatchObject({ verdict: 'GREEN' })
})

test('GREEN is refused while a test of an arm failed', async () => {
  const at = await steps.submit(await steps.track())
  await steps.report(at, 'correctness')
  await gate.call(agent('probe'), reportArm, {
    ...{ ...at, ...RAN, arm: 'adversarial', testsPassed: 11 },
  })
  expect(await refusal(steps.judge(at))).toEqual({
    ...{ code: 'gate.tests-failed', details: { arms: 'adversarial' } },
  })
  expect(await steps.judge(at, 'BLOCKED')).toMatchObject({ verdict: 'BLOCKED' })

  const next = await steps.reported(await steps.submit(at, newCommit()))
  expect(await steps.judge(next)).toMatchObject({ verdict: 'GREEN', iteration: 2 })
})

test('a verdict, a report and a finding are of the commit that was submitted', async () => {
  const at = await steps.reviewed()
  const other = { ...at, commit: newCommit() }
  const note = noteOn(await steps.shown(at), athena())
  for (const work of [
    () => steps.bring(other, note),
    () => steps.report(other, 'correctness'),
    () => steps.find(other),
  ]) {
    const { code, details } = await refusal(work())
    expect([code, details['commit']]).toEqual(['gate.other-commit', at.commit])
  }
})

test('only the newest iteration is judged, and a signature counts for no other', async () => {
  const first = await steps.reviewed()
  const old = noteOn(await steps.shown(first), athena())
  const next = await steps.reported(await steps.submit(first))
  expect(await refusal(steps.bring(first, old))).toEqual({
    ...{ code: 'gate.not-newest', details: { newest: 2 } },
  })
  const replayed = await refusal(steps.bring(next, old))
  expect([replayed.code, replayed.details['fault']]).toEqual([
    ...['objectives.signature-invalid', 'other-text'],
  ])
  expect(await codeOf(steps.submit(first, first.commit))).toBe('gate.commit-submitted')
  expect(await codeOf(steps.judge({ ...next, iteration: 3 }))).toBe('gate.iteration-not-found')
})

test('what was found after the signature makes it another statement', async () => {
  const at = await steps.reviewed()
  const blind = noteOn(await steps.shown(at), athena())
  await steps.find(at, 'INFO')
  const refused = await refusal(steps.bring(at, blind))
  expect(refused).toMatchObject({ details: { fault: 'other-text' } })
  expect(await steps.judge(at)).toMatchObject({ verdict: 'GREEN' })
})

test('nothing that a suspended athena signs is a verdict', async () => {
  const at = await steps.reviewed()
  const change = { principalId: 'agent.athena', reason: 'her key is in doubt' }
  await gate.call(operator(SUBSTRATE), suspendPrincipal, change)
  expect(await codeOf(steps.judge(at))).toBe('objectives.principal-suspended')
  await gate.call(operator(SUBSTRATE), reinstatePrincipal, change)
  expect(await steps.judge(at)).toMatchObject({ verdict: 'GREEN' })
})

test('the same verdict twice, or eight times at once, is once, in the record and in the ledger', async () => {
  const at = await steps.reviewed()
  const note = noteOn(await steps.shown(at), athena())
  const before = await intents()
  const all = await Promise.all(Array.from({ length: 8 }, () => steps.bring(at, note)))
  const again = await steps.bring(at, note)
  expect(new Set([...all, again].map((one) => JSON.stringify(one))).size).toBe(1)
  expect((await steps.shown(at)).verdicts).toHaveLength(1)
  expect((await intents()) - before).toBe(1)
})

test('one signature is one note: in another encoding of the same bytes it is none', async () => {
  const at = await steps.reviewed()
  const note = noteOn(await steps.shown(at), athena())
  // Of the last digit of 68 bytes two bits say nothing.
  const [, digit = ''] = /(.)=\n$/.exec(note) ?? []
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const other = digits[digits.indexOf(digit) + 1] ?? ''
  const encoded = note.replace(/.=\n$/, `${other}=\n`)
  expect(Buffer.from(`${other}=`, 'base64')).toEqual(Buffer.from(`${digit}=`, 'base64'))
  expect(await refusal(steps.bring(at, encoded))).toMatchObject({
    ...{ code: 'objectives.signature-invalid', details: { fault: 'malformed' } },
  })
  expect(await steps.bring(at, note)).toMatchObject({ verdict: 'GREEN' })
  expect(await codeOf(steps.bring({ ...at, commit: newCommit() }, note))).toBe('gate.other-commit')
})

test('of two verdicts at once one counts, and the other is told which', async () => {
  for (let round = 0; round < 6; round += 1) {
    const at = await steps.reviewed()
    const shown = await steps.shown(at)
    const bring = (verdict: 'GREEN' | 'BLOCKED') =>
      steps.bring(at, noteOn(shown, athena(), { verdict }), { verdict })
    const both = await Promise.allSettled([bring('GREEN'), bring('BLOCKED')])
    const given = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const refused = both.flatMap((one) =>
      one.status === 'rejected' ? [one.reason as unknown] : [],
    )
    expect([given.length, refused.length]).toEqual([1, 1])
    expect(refused[0]).toMatchObject({
      ...{ code: 'gate.already-judged', details: { verdict: given[0]?.verdict } },
    })
    expect((await steps.shown(at)).verdicts).toEqual(given)
  }
})

/** Has these wait for the same track, one behind the other, and then all go. */
async function queued(at: At, works: readonly (() => Promise<unknown>)[]) {
  const held = await gate.admin.transaction()
  await held.raw('select from tracks where sprint_id = ? for update', [at.sprintId])
  const waiting = async () => {
    const { rows } = await gate.admin.raw<{ rows: unknown[] }>(
      `select from pg_stat_activity where wait_event_type = 'Lock'
          and usename = 'mumega_gate' and datname = current_database()`,
    )
    return rows.length
  }
  const begun: Promise<PromiseSettledResult<unknown>[]>[] = []
  try {
    for (const work of works) {
      begun.push(Promise.allSettled([work()]))
      const isBehind = async () => (await waiting()) === begun.length
      await eventually(isBehind, { what: 'it to wait for the track', timeoutMs: 10_000 })
    }
  } finally {
    await held.commit()
  }
  return (await Promise.all(begun)).flatMap((one) => one.map(({ status }) => status))
}

describe.each(['BLOCK-P0', 'WARN'] as const)('a %s that races a GREEN', (severity) => {
  const prepared = async () => {
    const at = await steps.reviewed()
    const note = noteOn(await steps.shown(at), athena())
    return { at, find: () => steps.find(at, severity), judge: () => steps.bring(at, note) }
  }
  const outcome = async (at: At) => {
    const { judged, verdicts } = await steps.shown(at)
    return [verdicts.length, judged.findings.map(({ postGreen }) => postGreen)]
  }

  test('is before it where it came first, and the GREEN is none', async () => {
    const { at, find, judge } = await prepared()
    expect(await queued(at, [find, judge])).toEqual(['fulfilled', 'rejected'])
    expect(await outcome(at)).toEqual([0, [false]])
  })

  test('counts against the sprint where the GREEN came first', async () => {
    const { at, find, judge } = await prepared()
    expect(await queued(at, [judge, find])).toEqual(['fulfilled', 'fulfilled'])
    expect(await outcome(at)).toEqual([1, [true]])
  })

  test('is the one or the other, whoever comes first', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { at, find, judge } = await prepared()
      const [found, judged] = await Promise.allSettled([find(), judge()])
      const isGreen = judged.status === 'fulfilled'
      expect(found.status).toBe('fulfilled')
      expect(await outcome(at)).toEqual([isGreen ? 1 : 0, [isGreen]])
    }
  })
})

test('what is GREEN gets another iteration only by what is found after it', async () => {
  const at = await steps.green()
  expect(await codeOf(steps.submit(at))).toBe('gate.track-green')
  expect(await codeOf(steps.judge(at, 'BLOCKED'))).toBe('gate.already-judged')
  const found = await steps.find(at, 'BLOCK-P1')
  expect(found.postGreen).toBe(true)
  const fixed = await steps.fix(at, found.number)
  const next: At = await steps.reported(await steps.submit(at, fixed.fix?.commit))
  // In what is not judged yet it is the gate that found it; what was GREEN before stays so.
  expect(await steps.find(next, 'INFO')).toMatchObject({ postGreen: false })
  expect(await steps.find(at, 'INFO')).toMatchObject({ postGreen: true })
  expect(await steps.judge(next)).toMatchObject({ verdict: 'GREEN', iteration: 2 })
})
