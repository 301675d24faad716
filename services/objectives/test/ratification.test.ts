import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import { decideObjective, getObjective, type Objective } from '@mumega/contracts/objectives'
import { reinstatePrincipal, rotateKey, suspendPrincipal } from '@mumega/contracts/principals'
import { act } from '@mumega/db/act'
import { keyResult, noteOn, recordOf, stepsOf } from './given-objectives.ts'
import {
  agent,
  intentsOf,
  newSigner,
  noteOf,
  operator,
  refusal,
  refusalsOf,
  rotation,
  startTestObjectives,
  type TestObjectives,
} from './given.ts'

let athena = newSigner('agent.athena')
const loom = newSigner('agent.loom')
let objectives: TestObjectives
let steps: ReturnType<typeof stepsOf>
let proposed: Objective

beforeAll(async () => {
  objectives = await startTestObjectives([athena, loom])
  steps = stepsOf(objectives)
}, 60_000)
afterAll(() => objectives.stop())
beforeEach(async () => {
  proposed = await steps.proposed()
})

const tally = () => recordOf(objectives)
const ratify = (objective: Objective, note = noteOn(objective, athena)) =>
  steps.decide(objective, { decision: 'ratify', note })
const read = ({ objectiveId }: Objective, version?: number) =>
  objectives.call(agent('mizan'), getObjective, {
    objectiveId,
    ...(version !== undefined && { version }),
  })

const intents = () => intentsOf(objectives)

test('athena ratifies by her signature, which whoever reads it can check', async () => {
  const note = noteOn(proposed, athena)
  expect(note.startsWith(`${proposed.statement}\n`)).toBe(true)

  const ratified = await ratify(proposed)

  expect(ratified).toMatchObject({
    ...{ state: 'ratified', ratifiedVersion: 1, sha256: proposed.sha256 },
    decisions: [{ decision: 'ratify', principal: 'agent.athena', note }],
  })
  expect(await read(proposed)).toEqual(ratified)
  const [row] = await objectives.admin<Record<string, unknown>>('key_results').where({
    objective_id: proposed.objectiveId,
  })
  expect(row).toMatchObject({ version: 1, key_result_id: 'paying-tenants' })
  expect(JSON.parse((row as { definition: string }).definition)).toEqual(keyResult())
})

test('LOCK-OBJ-1: no token and no other signature ratifies, and nothing changes by it', async () => {
  const { objectiveId, version } = proposed
  const right = String(proposed.statement)
  const other = await steps.proposed({ title: 'Another' })
  const draft = await steps.draft({ title: proposed.content.title })
  // The same content with its keys in another order: other bytes, another hash.
  const turned = Object.fromEntries(Object.entries(proposed.content).reverse())
  const reordered = createHash('sha256').update(JSON.stringify(turned)).digest('hex')
  const wrong: [fault: string, note: string][] = [
    ['malformed', right],
    ['malformed', 'yes'],
    ['unsigned', noteOf(right, [loom])],
    ['unsigned', noteOf(right, [newSigner('agent.athena')])],
    ['invalid-signature', noteOn(proposed, athena).replace('agent.athena', 'agent.athenb')],
    ['invalid-signature', noteOn(proposed, athena).replace(/.{8}\n$/, 'AAAAAAA=\n')],
    ['other-text', noteOn(proposed, athena, { sha256: reordered })],
    ['other-text', noteOn(proposed, athena, { version: 2 })],
    ['other-text', noteOn(proposed, athena, { tenant: 'globex' })],
    ['other-text', noteOn(proposed, athena, { objections: 1 })],
    ['other-text', noteOn(proposed, athena, { principal: 'agent.loom' })],
    ['other-text', noteOn(proposed, athena, { decision: 'decline' })],
    ['other-text', noteOn(proposed, athena, { reason: 'why not' })],
    ['other-text', noteOn(other, athena)],
    ['other-text', noteOn(draft, athena)],
    ['other-text', noteOf(`${right}\n`, [athena])],
  ]
  const before = await tally()
  const callers = [operator('acme'), agent('kasra'), agent('athena')]
  for (const context of callers) {
    const refusals = await refusalsOf(
      wrong.map(([, note]) => note),
      (note) => {
        const order = { requestId: randomUUID(), objectiveId, version, note }
        return objectives.call(context, decideObjective, { ...order, decision: 'ratify' })
      },
    )
    expect(refusals).toEqual(wrong.map(([fault]) => ['objectives.signature-invalid', fault, right]))
  }
  expect(await tally()).toEqual(before)
})

test('LOCK-OBJ-1: nothing that a suspended athena signs counts, until she is reinstated', async () => {
  const change = () => ({
    ...{ requestId: randomUUID(), principalId: 'agent.athena', reason: 'her key is in doubt' },
  })
  await objectives.call(operator(), suspendPrincipal, change())
  const before = await tally()
  expect((await refusal(ratify(proposed))).code).toBe('objectives.principal-suspended')
  expect(await tally()).toEqual(before)
  await objectives.call(operator(), reinstatePrincipal, change())
  expect(await ratify(proposed)).toMatchObject({ state: 'ratified' })
})

test('LOCK-OBJ-1: after a rotation the key before counts no more, and what it signed stays', async () => {
  const [old, later] = [athena, await steps.proposed()]
  const signedBefore = noteOn(proposed, old)
  const ratified = await ratify(proposed)
  const next = newSigner('agent.athena')
  await objectives.call(agent('kasra'), rotateKey, rotation(old, next))
  athena = next

  const refused = await refusal(ratify(later, noteOn(later, old)))
  expect(refused).toMatchObject({ details: { fault: 'unsigned' } })
  expect(await read(proposed)).toEqual(ratified)
  // Also brought once more.
  expect(await ratify(proposed, signedBefore)).toEqual(ratified)
  expect(await ratify(later)).toMatchObject({ state: 'ratified' })
})

test('LOCK-OBJ-2: an edit of what is ratified counts when it is ratified itself, and not before', async () => {
  const first = await ratify(proposed)
  const second = await steps.propose(await steps.edit(first, { title: 'Better' }))

  expect(await read(first)).toMatchObject({ version: 1, content: { title: first.content.title } })
  const replayed = await refusal(ratify(second, noteOn(proposed, athena)))
  expect(replayed.details['fault']).toBe('other-text')
  await ratify(second)

  expect(await read(first)).toMatchObject({ version: 2, ratifiedVersion: 2 })
  expect(await read(first, 1)).toMatchObject({
    ...{ state: 'superseded', content: first.content, decisions: first.decisions },
  })
})

test('LOCK-OBJ-2: the database lets the service change nothing of what a version says', async () => {
  const { objectiveId } = await ratify(proposed)
  const asService = (statement: string) =>
    objectives.db.transaction(async (trx) => {
      await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
      await trx.raw(statement)
    })
  const where = `where objective_id = '${objectiveId}'`
  const before = await tally()
  for (const [statement, expected] of [
    [`update objective_versions set content = '{}' ${where}`, /denied/],
    [`update objective_versions set parent_id = null ${where}`, /denied/],
    [`update key_results set definition = '{}' ${where}`, /denied/],
    [`update ratifications set note = 'x' ${where}`, /denied/],
    [`update objective_changes set became = 'draft' ${where}`, /denied/],
    [`delete from objective_versions ${where}`, /denied/],
    [`delete from ratifications ${where}`, /denied/],
    [`update objective_versions set state = 'proposed' ${where}`, /goes from ratified/],
    [`update objective_versions set state = 'superseded' ${where}`, /history|audit/],
  ] as const) {
    await expect(asService(statement)).rejects.toThrow(expected)
  }
  expect(await tally()).toEqual(before)
})

test.each([
  ['ratified', /without a signature/],
  ['declined', /without a signature/],
  ['superseded', /without its history/],
])(
  'LOCK-OBJ-4: no version is %s in the database without what belongs to it',
  async (state, told) => {
    const { objectiveId } = proposed
    const options = { context: agent('kasra'), clock: systemClock }
    const alone = act(objectives.db, options, async (trx) => {
      await trx('objective_versions').where({ objective_id: objectiveId }).update({ state })
      const target = `objective:${objectiveId}`
      const audit = [{ action: 'objective.tried', target, payload: {} }]
      return { reply: null, audit, events: [] }
    })
    await expect(alone).rejects.toThrow(told)
    expect(await read(proposed)).toEqual(proposed)
  },
)

test('LOCK-OBJ-4: ratifying twice, or eight times at once, is once, in the record and in the ledger', async () => {
  const { objectiveId } = proposed
  const before = await intents()
  const all = await Promise.all(Array.from({ length: 8 }, () => ratify(proposed)))
  const again = await ratify(proposed)

  expect(new Set([...all, again].map((one) => JSON.stringify(one))).size).toBe(1)
  const counted = await objectives.admin('ratifications').where({ objective_id: objectiveId })
  expect(counted).toHaveLength(1)
  const became = await objectives
    .admin('objective_changes')
    .where({ objective_id: objectiveId, became: 'ratified' })
  expect(became).toHaveLength(1)
  expect((await intents()) - before).toBe(1)
})

test('of a ratification and an edit at once both know what the other did', async () => {
  for (let round = 0; round < 8; round += 1) {
    const one = await steps.proposed({ title: `Round ${round}` })
    const [ratified, edited] = await Promise.allSettled([
      ratify(one),
      steps.edit(one, { title: `Edited ${round}` }),
    ])
    expect(edited.status).toBe('fulfilled')
    const [first, second] = [await read(one, 1), await read(one, 2)]
    expect(second.state).toBe('draft')
    if (ratified.status === 'fulfilled') {
      expect([first.state, first.ratifiedVersion]).toEqual(['ratified', 1])
    } else {
      expect(ratified.reason).toMatchObject({
        ...{ code: 'objectives.wrong-state', details: { state: 'superseded' } },
      })
      expect([first.state, first.decisions]).toEqual(['superseded', []])
    }
  }
})
