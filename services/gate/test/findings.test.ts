import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getLedger } from '@mumega/contracts/gate-ledger'
import { type Severity } from '@mumega/contracts/gate-review'
import { agent, codeOf, newCommit, refusal, startTestGate, type TestGate } from './given.ts'
import { stepsOf, type At } from './given-review.ts'

let gate: TestGate
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  gate = await startTestGate()
  steps = stepsOf(gate)
}, 60_000)
afterAll(() => gate.stop())

const loom = agent('loom')

test('findings of a track are bounded, none keeps a BLOCK out after GREEN, and all fit into what is judged', async () => {
  const at = await steps.submit(await steps.track())
  const filled = (bytes: number) => '"\n'.repeat(bytes / 2)
  const output = filled(500)
  let found = 0
  const findAndFix = async (on: At, severity: Severity, times: number) => {
    for (let nth = 0; nth < times; nth += 1) {
      found += 1
      await steps.find(on, severity, {
        title: filled(200),
        evidence: { commit: on.commit, tests: filled(300), reproduced: filled(1_000) },
      })
      await steps.fix(on, found, {
        test: filled(200),
        failedBefore: { commit: on.commit, output },
        passesAfter: { output: `${filled(498)}ok`, outputSha256: 'a'.repeat(64) },
      })
    }
  }
  const limitOf = async (on: At, severity: Severity) => {
    const { code, details } = await refusal(steps.find(on, severity))
    return [code, details['limit']]
  }
  await findAndFix(at, 'INFO', 50)
  expect(await limitOf(at, 'WARN')).toEqual(['gate.limit-reached', 50])
  await findAndFix(at, 'BLOCK-P0', 30)
  expect(await limitOf(at, 'BLOCK-P1')).toEqual(['gate.limit-reached', 30])
  const next = await steps.reported(await steps.submit(at))
  expect(await steps.judge(next)).toMatchObject({ verdict: 'GREEN' })
  await findAndFix(next, 'BLOCK-P0', 20)
  expect(await limitOf(next, 'BLOCK-P0')).toEqual(['gate.limit-reached', 100])
  const last = await steps.submit(at)
  const { judged } = await steps.shown(last)
  expect(judged.findings).toHaveLength(100)
  expect(judged.findings.filter(({ postGreen }) => postGreen)).toHaveLength(20)
  expect(await steps.judge(last, 'BLOCKED')).toMatchObject({ verdict: 'BLOCKED' })
}, 60_000)

test('BLOCKs have a bound of their own, whatever else there is', async () => {
  const at = await steps.green()
  for (let nth = 0; nth < 50; nth += 1) await steps.find(at, 'BLOCK-P1')
  expect(await refusal(steps.find(at, 'BLOCK-P1'))).toMatchObject({
    ...{ code: 'gate.limit-reached', details: { limit: 50 } },
  })
  expect(await steps.find(at, 'WARN')).toMatchObject({ number: 51, postGreen: true })
})

test('what is shown as empty is not said, and a fix shows what has changed', async () => {
  const at = await steps.submit(await steps.track())
  const { number } = await steps.find(at)
  for (const [work, field] of [
    [steps.find(at, 'INFO', { title: ' \n ' }), 'title'],
    [steps.fix(at, number, { test: '\t' }), 'test'],
  ] as const) {
    expect(await refusal(work)).toMatchObject({ code: 'gate.invalid-text', details: { field } })
  }
  const output = 'two at once are one'
  const same = { failedBefore: { commit: at.commit, output }, passesAfter: { output } }
  expect(await refusal(steps.fix(at, number, same))).toMatchObject({
    ...{ code: 'gate.invalid-field', details: { field: 'passesAfter' } },
  })
})

test('what is carried is seen in the sprint that it is left to', async () => {
  const [at, to] = [await steps.submit(await steps.track()), await steps.sprint()]
  const finding = await steps.find(at, 'WARN', { title: 'Slow' })
  await steps.find(at, 'INFO')
  await steps.carry(at, finding.number, to)
  const { totals, carriedHere } = await gate.call(loom, getLedger, { sprintId: to })
  expect(totals.carriedHere).toBe(1)
  const { sprintId, trackId } = at
  expect(carriedHere).toEqual([{ sprintId, trackId, number: 1, severity: 'WARN', title: 'Slow' }])
  expect((await gate.call(loom, getLedger, { sprintId })).totals.carriedHere).toBe(0)
})

test('the ledger has a BLOCK as open until its fix is in an iteration', async () => {
  const at = await steps.green()
  const { number } = await steps.find(at)
  const openBlocks = async () =>
    (await gate.call(loom, getLedger, { sprintId: at.sprintId })).totals.blocksOpen
  const { fix } = await steps.fix(at, number)
  expect(await openBlocks()).toBe(1)
  await steps.submit(at, fix?.commit)
  expect(await openBlocks()).toBe(0)
})

test('a fix in an earlier commit than it was found in is none', async () => {
  const first = await steps.reviewed()
  const second = await steps.submit(first)
  const { number } = await steps.find(second)
  const fix = (commit: string, before = first.commit) =>
    steps.fix({ ...second, commit: before }, number, { commit })
  expect(await refusal(fix(second.commit))).toMatchObject({
    ...{ code: 'gate.invalid-field', details: { field: 'commit' } },
  })
  expect(await codeOf(fix(first.commit, second.commit))).toBe('gate.invalid-field')
  const commit = newCommit()
  expect(await refusal(fix(commit, commit))).toMatchObject({
    details: { field: 'failedBefore.commit' },
  })
  expect(await refusal(steps.fix(second, number, { passesAfter: {} }))).toMatchObject({
    details: { field: 'passesAfter.output' },
  })
})
