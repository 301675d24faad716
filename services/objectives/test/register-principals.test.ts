import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { healthOf } from '@mumega/contracts/health'
import { listPrincipals } from '@mumega/contracts/principals'
import { eventually } from '@mumega/testkit'
import { signerFromSeed, type Signer } from '@mumega/tlog/note'
import {
  newSigner,
  operator,
  principalsFile,
  startTestObjectives,
  tallyOf,
  vkeyOf,
  type TestObjectives,
} from './given.ts'

const SEED = randomBytes(32)
let objectives: TestObjectives

beforeAll(async () => {
  objectives = await startTestObjectives([signerFromSeed('agent.athena', SEED)])
}, 60_000)
afterAll(() => objectives.stop())

const tally = () => tallyOf(objectives)

test('a start registers each principal once, also when two begin at once', async () => {
  const before = await tally()
  const both = await Promise.all([objectives.another(), objectives.another()])
  expect(await tally()).toEqual(before)
  await Promise.all(both.map((service) => service.stop()))
})

test('LOCK-OBJ-1: a file with another key for a principal changes nothing, and health tells of it', async () => {
  const before = await tally()
  const file = principalsFile([newSigner('agent.athena')])
  const other = await objectives.another({ OBJECTIVES_PRINCIPALS_FILE: file })

  expect(await tally()).toEqual(before)
  // One of the two answers.
  await eventually(
    async () => {
      const health = await objectives.call(operator(), healthOf('objectives'), {})
      return health.figures['principalsElsewhere'] === 1
    },
    { what: 'the other one tells of it' },
  )
  await other.stop()
})

test('a file that gives one principal the key of another keeps the service from starting', async () => {
  const before = await tally()
  const file = principalsFile([signerFromSeed('agent.second', SEED)])
  await expect(objectives.another({ OBJECTIVES_PRINCIPALS_FILE: file })).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.stringContaining('another principal’s'),
  })
  expect(await tally()).toEqual(before)
})

test.each([
  ['is not there', undefined, 'cannot be read as JSON'],
  ['is no JSON', '[', 'cannot be read as JSON'],
  ['is no list', '{}', 'is no array'],
  ['names one twice', () => [1, 2].map(() => entryOf('agent.a', newSigner('agent.a'))), 'twice'],
  ['has the key of another', () => [entryOf('agent.a', newSigner('agent.b'))], 'agent.a'],
])('a file of principals that %s keeps the service from starting', async (_what, content, told) => {
  const path = principalsFile([])
  const text = typeof content === 'function' ? JSON.stringify(content()) : content
  if (text !== undefined) writeFileSync(path, text)
  const file = text === undefined ? `${path}.absent` : path
  const failed = objectives.another({ OBJECTIVES_PRINCIPALS_FILE: file })
  await expect(failed).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.stringContaining(told),
  })
})

const entryOf = (principalId: string, signer: Signer) => ({
  ...{ principalId, displayName: 'One', vkey: vkeyOf(signer) },
})

// The last one: it takes every place.
test('more principals than can be listed are refused at the start', async () => {
  const crowd = Array.from({ length: 200 }, (_, nth) => newSigner(`agent.crowd-${nth}`))
  const file = principalsFile(crowd)
  await expect(objectives.another({ OBJECTIVES_PRINCIPALS_FILE: file })).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.stringContaining('200'),
  })
  const { principals } = await objectives.call(operator(), listPrincipals, {})
  expect(principals).toHaveLength(200)
  const [listed] = await objectives.admin('substrate_principals').count({ count: '*' })
  expect(listed).toEqual({ count: '200' })
})
