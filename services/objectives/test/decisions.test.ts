import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { listObjectives, objectToObjective, type Objective } from '@mumega/contracts/objectives'
import { noteOn, stepsOf } from './given-objectives.ts'
import { agent, newSigner, refusal, startTestObjectives, type TestObjectives } from './given.ts'

const athena = newSigner('agent.athena')
let objectives: TestObjectives
let steps: ReturnType<typeof stepsOf>
let proposed: Objective

beforeAll(async () => {
  objectives = await startTestObjectives([athena])
  steps = stepsOf(objectives)
}, 60_000)
afterAll(() => objectives.stop())
beforeEach(async () => {
  proposed = await steps.proposed()
})

const ratify = (objective: Objective, note = noteOn(objective, athena)) =>
  steps.decide(objective, { decision: 'ratify', note })
const object = ({ objectiveId, version }: Objective, reason: string, by = agent('river')) =>
  objectives.call(by, objectToObjective, {
    ...{ requestId: randomUUID(), objectiveId, version, reason },
  })

test('who ratifies says how many objections he knows of, and one more makes it another statement', async () => {
  const blind = noteOn(proposed, athena)
  const objected = await object(proposed, 'It pays nobody.')
  expect(objected.objections).toMatchObject([
    { number: 1, by: 'agent:river', reason: 'It pays nobody.' },
  ])

  const refused = await refusal(ratify(proposed, blind))
  expect(refused).toMatchObject({ code: 'objectives.signature-invalid' })
  expect(refused.details['expected']).toBe(objected.statement)
  expect(await ratify(objected)).toMatchObject({ state: 'ratified', objections: [{ number: 1 }] })
})

test('objections are bounded, and are put to what is proposed', async () => {
  const as = (name: string) => object(proposed, `No from ${name}`, agent(name))
  for (let number = 1; number <= 10; number += 1) await as('river')
  expect(await refusal(as('river'))).toEqual({
    code: 'objectives.too-many-objections',
    details: { limit: 10 },
  })
  for (let number = 11; number <= 100; number += 1) await as(`critic-${number % 9}`)
  expect(await refusal(as('loom'))).toEqual({
    code: 'objectives.too-many-objections',
    details: { limit: 100 },
  })
  const draft = await steps.draft()
  expect(await refusal(object(draft, 'No'))).toEqual({
    code: 'objectives.wrong-state',
    details: { state: 'draft', needed: 'proposed' },
  })
  const long = await refusal(object(proposed, 'é'.repeat(1_001)))
  expect(long).toMatchObject({ code: 'objectives.text-too-large', details: { field: 'reason' } })
})

test('a version that was declined is that for ever, and the next may be ratified', async () => {
  const reason = 'Nobody measures it.\nSay how.'
  const decline = (words: string) =>
    steps.decide(proposed, {
      ...{ decision: 'decline', reason: words },
      note: noteOn(proposed, athena, { decision: 'decline', reason }),
    })
  const twisted = await refusal(decline('Something else.'))
  expect(twisted.details['fault']).toBe('other-text')
  const declined = await decline(reason)
  expect(declined).toMatchObject({
    state: 'declined',
    decisions: [{ decision: 'decline', reason }],
  })

  expect(await refusal(ratify(proposed))).toMatchObject({ code: 'objectives.wrong-state' })
  expect(await refusal(steps.propose(declined))).toMatchObject({ code: 'objectives.wrong-state' })
  const next = await steps.propose(await steps.edit(declined, { title: 'Measured' }))
  expect(await ratify(next)).toMatchObject({ state: 'ratified', version: 2 })
})

test('what was ratified is retired by athena, with a reason, and counts no more', async () => {
  const ratified = await ratify(proposed)
  const retire = (reason?: string) =>
    steps.decide(ratified, {
      ...{ decision: 'retire', ...(reason !== undefined && { reason }) },
      note: noteOn(ratified, athena, { decision: 'retire', reason: 'done' }),
    })
  expect(await refusal(retire())).toEqual({
    code: 'objectives.invalid-objective',
    details: { field: 'reason' },
  })
  const retired = await retire('done')
  expect(retired).toMatchObject({ state: 'retired' })
  expect(retired).not.toHaveProperty('ratifiedVersion')
  expect(await retire('done')).toEqual(retired)
  expect(
    await refusal(ratify(ratified, noteOn(ratified, athena, { objections: 9 }))),
  ).toMatchObject({ code: 'objectives.wrong-state' })
})

test('only a proposed version has a statement, and only what is ratified is retired', async () => {
  const draft = await steps.draft()
  expect(draft).not.toHaveProperty('statement')
  expect(await refusal(ratify(draft))).toMatchObject({
    ...{ code: 'objectives.wrong-state', details: { state: 'draft', needed: 'proposed' } },
  })
  const order = { decision: 'retire', reason: 'done' } as const
  const note = noteOn(proposed, athena, order)
  expect(await refusal(steps.decide(proposed, { ...order, note }))).toMatchObject({
    details: { state: 'proposed', needed: 'ratified' },
  })
})

test('a version stays readable and can be ratified with as much said of it as may be', async () => {
  const reason = '"\n'.repeat(1_000)
  let objected = proposed
  for (let number = 1; number <= 100; number += 1) {
    objected = await object(proposed, reason, agent(`critic-${number % 10}`))
  }
  expect(await ratify(objected)).toMatchObject({ state: 'ratified' })
  const control = await refusal(object(await steps.proposed(), 'a\u0001'))
  expect(control).toMatchObject({ code: 'objectives.invalid-text', details: { field: 'reason' } })
})

test('what was retired keeps its place in the tree, so that nothing comes to stand below itself', async () => {
  const ratified = await ratify(proposed)
  const { objectiveId } = ratified
  const below = await steps.draft()
  await steps.edit(ratified, { parentId: below.objectiveId })
  const moved = await steps.propose(await steps.edit(below, { parentId: objectiveId }))
  expect(await ratify(moved)).toMatchObject({ state: 'ratified' })
  const note = noteOn(ratified, athena, { decision: 'retire', reason: 'done' })
  await steps.decide(ratified, { decision: 'retire', reason: 'done', note })

  const list = async (parentId: string) => {
    const order = { limit: 10, parentId }
    const { objectives: listed } = await objectives.call(agent('river'), listObjectives, order)
    return listed.map((one) => one.objectiveId)
  }
  expect(await list(objectiveId)).toEqual([below.objectiveId])
  expect(await list(below.objectiveId)).toEqual([])
  expect(await steps.draft({ parentId: below.objectiveId })).toMatchObject({ state: 'draft' })
})

test('a note with another line than its signature is none', async () => {
  const note = noteOn(proposed, athena)
  const [, line] = note.split('\n\n')
  const stranger = noteOn(proposed, newSigner('agent.stranger')).split('\n\n')[1]
  for (const more of [line, stranger]) {
    const refused = await refusal(ratify(proposed, `${note}${more}`))
    expect(refused.details['fault']).toBe('malformed')
  }
})

test('each change of state of each version is an event, in the order in which they came', async () => {
  await objectives.admin.raw(
    `create table told (position bigint, subject text, payload json);
     create function tell() returns trigger language plpgsql security definer as $$ begin
       insert into objectives.told values (new.position, new.subject, new.payload::json);
       return new; end $$;
     grant execute on function tell to public;
     create trigger tell after insert on outbox for each row when (not new.audit)
       execute function tell()`,
  )
  const first = await steps.ratified(athena)
  const second = await steps.propose(await steps.edit(first))
  const third = await steps.propose(await steps.edit(second))
  const fourth = await steps.edit(third)
  const proposed = await steps.propose(fourth)
  await steps.decide(proposed, { decision: 'ratify', note: noteOn(proposed, athena) })

  const { objectiveId } = first
  const { rows } = await objectives.admin.raw<{ rows: { event: string }[] }>(
    `select split_part(subject, '.', 4) || ' ' || (payload ->> 'version') as event from told
      where payload ->> 'objectiveId' = ? order by position`,
    [objectiveId],
  )
  expect(rows.map(({ event }) => event.replace('objective-', ''))).toEqual([
    ...['drafted 1', 'proposed 1', 'ratified 1', 'drafted 2', 'proposed 2'],
    ...['superseded 2', 'drafted 3', 'proposed 3', 'superseded 3', 'drafted 4', 'proposed 4'],
    ...['superseded 1', 'ratified 4'],
  ])
})
