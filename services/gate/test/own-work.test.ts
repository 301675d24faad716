import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  agent,
  codeOf,
  newCommit,
  operator,
  refusal,
  startTestGate,
  type TestGate,
} from './given.ts'
import { stepsOf } from './given-review.ts'

let gate: TestGate
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  gate = await startTestGate()
  steps = stepsOf(gate)
}, 60_000)
afterAll(() => gate.stop())

test('athena does not judge work of her own', async () => {
  const at = await steps.reviewed({ author: 'agent.athena' })
  expect(await refusal(steps.judge(at))).toEqual({
    ...{ code: 'gate.own-work', details: { who: 'agent.athena' } },
  })
  const brought = await steps.submit(await steps.track(), newCommit(), agent('athena'))
  expect(await codeOf(steps.judge(brought, 'BLOCKED'))).toBe('gate.own-work')
})

test('nobody reviews their own work: neither the author, nor who submitted it, nor who fixed it', async () => {
  const track = await steps.track()
  const at = await steps.submit(track, newCommit(), agent('loom'))
  for (const name of ['kasra', 'loom']) {
    expect(await codeOf(steps.report(at, 'correctness', agent(name)))).toBe('gate.own-work')
  }
  const { number } = await steps.find(at)
  await steps.report(at, 'correctness', agent('river'))
  const fixed = await steps.fix(at, number, { by: agent('probe') })
  const next = await steps.submit(track, fixed.fix?.commit)
  expect(await codeOf(steps.report(next, 'adversarial', agent('probe')))).toBe('gate.own-work')

  // Who reported, and did some of the work afterwards, makes the whole review void.
  const late = await steps.find(at)
  await steps.reported(next).catch(() => undefined)
  await steps.report(next, 'adversarial', agent('mizan'))
  await steps.fix(at, late.number, { commit: next.commit, by: agent('mizan') })
  expect(await refusal(steps.judge(next))).toEqual({
    ...{ code: 'gate.own-work', details: { who: 'agent:mizan' } },
  })
})

test('of a human’s work no operator reports, who may be that human', async () => {
  const at = await steps.submit(await steps.track({ author: 'human.kay' }))
  expect(await codeOf(steps.report(at, 'correctness', operator('acme')))).toBe('gate.own-work')
  expect(await steps.report(at, 'correctness')).toMatchObject({ arm: 'correctness' })
})

test('of what an operator has submitted no other operator reports: it may be the same human', async () => {
  const at = await steps.submit(await steps.track(), newCommit(), operator('acme'))
  expect(await codeOf(steps.report(at, 'correctness', operator('acme')))).toBe('gate.own-work')
  expect(await steps.report(at, 'correctness')).toMatchObject({ arm: 'correctness' })
})
