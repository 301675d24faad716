import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ObjectiveContent } from '@mumega/contracts/objective-content'
import {
  createObjective,
  editObjective,
  getObjective,
  listObjectiveChanges,
  listObjectives,
  objectToObjective,
} from '@mumega/contracts/objectives'
import { canonicalJson } from '@mumega/tlog/canonical'
import { content, keyResult, noteOn, recordOf, stepsOf } from './given-objectives.ts'
import {
  agent,
  newSigner,
  operator,
  refusal,
  startTestObjectives,
  type TestObjectives,
} from './given.ts'

const athena = newSigner('agent.athena')
let objectives: TestObjectives
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  objectives = await startTestObjectives([athena])
  steps = stepsOf(objectives)
}, 60_000)
afterAll(() => objectives.stop())

const tally = () => recordOf(objectives)

test('a draft is on record with the hash of exactly what it says', async () => {
  const said = content({
    description: 'Über alles, was zählt.',
    tags: ['growth'],
    keyResults: [keyResult({ weight: 0.4 }), keyResult({ keyResultId: 'churn', weight: 0.6 })],
  })
  const requestId = randomUUID()
  const order = { requestId, content: said }

  const drafted = await objectives.call(agent('kasra'), createObjective, order)
  const again = await objectives.call(agent('kasra'), createObjective, order)

  expect(again).toEqual(drafted)
  expect(drafted).toMatchObject({
    ...{ version: 1, newestVersion: 1, state: 'draft', content: said, createdBy: 'agent:kasra' },
    ...{ objections: [], decisions: [] },
  })
  const sha256 = createHash('sha256').update(canonicalJson(said)).digest('hex')
  expect(drafted.sha256).toBe(sha256)
  expect(drafted).not.toHaveProperty('ratifiedVersion')
  expect(drafted).not.toHaveProperty('statement')
})

const bad = (changes: Parameters<typeof keyResult>[0]) => ({ keyResults: [keyResult(changes)] })
const REFUSED: [string, Partial<ObjectiveContent>][] = [
  ['period.from', { period: { from: '2026-02-30', to: '2026-12-31' } }],
  ['period.to', { period: { from: '2026-02-01', to: '0000-01-01' } }],
  ['period.to', { period: { from: '2026-02-02', to: '2026-02-01' } }],
  ['keyResults[1].keyResultId', { keyResults: [keyResult(), keyResult()] }],
  ['keyResults[0].target', bad({ baseline: 3, target: 3 })],
  ['keyResults[0].target', bad({ direction: 'decrease' })],
  ['keyResults[0].thresholds.offTrack', bad({ thresholds: { atRisk: 0.5, offTrack: 0.6 } })],
  ['keyResults[0].formula', bad({ formula: { kind: 'count', of: { tenantId: 'globex' } } })],
  [
    'keyResults[0].formula',
    bad({
      formula: { kind: 'ratio', numerator: { of: {} }, denominator: { of: { tenantId: 'b' } } },
    }),
  ],
  ['keyResults', bad({ weight: 0.9 })],
  ['keyResults', { keyResults: [keyResult({ weight: 1 }), keyResult({ keyResultId: 'b' })] }],
]

test.each(REFUSED)('%s that makes no sense is refused by its name', async (field, changes) => {
  const before = await tally()
  const refused = await refusal(steps.draft(changes))
  expect(refused).toEqual({ code: 'objectives.invalid-objective', details: { field } })
  expect(await tally()).toEqual(before)
})

test.each([
  ['title', { title: 'é'.repeat(201) }, 'objectives.text-too-large'],
  ['description', { description: 'x'.repeat(8_001) }, 'objectives.text-too-large'],
  ['title', { title: 'a\u0000b' }, 'objectives.invalid-text'],
  ['title', { title: ' \n\u200b' }, 'objectives.invalid-text'],
  ['title', { title: '\u2800\u3164\u{1D159}' }, 'objectives.invalid-text'],
  ['keyResults[0].title', bad({ title: '\ud800' }), 'objectives.invalid-text'],
  ['keyResults[0].unit', bad({ unit: 'a\u0000' }), 'objectives.invalid-text'],
])('a text that cannot be stored as it is, in %s, is refused', async (field, changes, code) => {
  const refused = await refusal(steps.draft(changes))
  expect(refused).toMatchObject({ code, details: { field } })
})

test('the substrate may measure another tenant’s engrams, and nobody else may', async () => {
  const formula = { kind: 'count', of: { tenantId: 'acme' } } as const
  const ours = stepsOf(objectives, operator())
  expect(await ours.draft(bad({ formula }))).toMatchObject({ state: 'draft' })
  expect(await steps.draft(bad({ formula }))).toMatchObject({ state: 'draft' })
  const other = await refusal(stepsOf(objectives, agent('kasra', 'globex')).draft(bad({ formula })))
  expect(other.code).toBe('objectives.invalid-objective')
})

test('an edit is another version, and what was drafted or proposed before is superseded', async () => {
  const first = await steps.draft()
  const second = await steps.edit(first, { title: 'Second' })
  const proposed = await steps.propose(second)
  const third = await steps.edit(proposed, { title: 'Third' })

  expect([second.version, third.version, third.state]).toEqual([2, 3, 'draft'])
  const { objectiveId } = first
  const states = await Promise.all(
    [1, 2, 3].map((version) =>
      objectives.call(agent('mizan'), getObjective, { objectiveId, version }),
    ),
  )
  expect(states.map(({ state, content: { title } }) => [state, title])).toEqual([
    ['superseded', first.content.title],
    ['superseded', 'Second'],
    ['draft', 'Third'],
  ])
  const { changes } = await objectives.call(agent('mizan'), listObjectiveChanges, {
    ...{ objectiveId, limit: 100 },
  })
  expect(changes.map(({ version, from, to }) => [version, from, to])).toEqual([
    [3, undefined, 'draft'],
    [2, 'proposed', 'superseded'],
    [2, 'draft', 'proposed'],
    [2, undefined, 'draft'],
    [1, 'draft', 'superseded'],
    [1, undefined, 'draft'],
  ])
})

test('of edits of one version at once one counts, and the others are told of it', async () => {
  const drafted = await steps.draft()
  const edits = Array.from({ length: 6 }, (_, nth) => steps.edit(drafted, { title: `E${nth}` }))
  const settled = await Promise.allSettled(edits)

  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const codes = settled.flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
  )
  expect(new Set(codes)).toEqual(new Set(['objectives.version-conflict']))
  const { objectiveId } = drafted
  const now = await objectives.call(agent('kasra'), getObjective, { objectiveId })
  expect([now.version, now.newestVersion]).toEqual([2, 2])
})

test('no objective stands below itself, below what is not there, or deeper than ten', async () => {
  const root = await steps.draft()
  let below = root
  for (let depth = 2; depth <= 10; depth += 1) {
    below = await steps.draft({ parentId: below.objectiveId })
  }
  const parentId = below.objectiveId
  const field = { field: 'parentId' }
  const attempts = [
    steps.draft({ parentId }),
    steps.edit(root, { parentId }),
    steps.edit(root, { parentId: root.objectiveId }),
  ].map(refusal)
  for (const refused of await Promise.all(attempts)) {
    expect(refused).toEqual({ code: 'objectives.invalid-objective', details: field })
  }
  const top = await steps.draft()
  const moved = await refusal(steps.edit(root, { parentId: top.objectiveId }))
  expect(moved).toEqual({ code: 'objectives.invalid-objective', details: field })
  const nowhere = await refusal(steps.draft({ parentId: randomUUID() }))
  expect(nowhere.code).toBe('objectives.objective-not-found')
})

test('two that would stand below each other when both are ratified are not both ratified', async () => {
  const [a, b] = [await steps.ratified(athena), await steps.ratified(athena)]
  // While they are drafts, what counts of the other stands nowhere.
  const proposed = [
    await steps.propose(await steps.edit(a, { parentId: b.objectiveId })),
    await steps.propose(await steps.edit(b, { parentId: a.objectiveId })),
  ]
  const settled = await Promise.allSettled(
    proposed.map((one) => steps.decide(one, { decision: 'ratify', note: noteOn(one, athena) })),
  )
  expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('another tenant sees and changes nothing of an objective', async () => {
  const proposed = await steps.proposed()
  const { objectiveId, version } = proposed
  const before = await tally()
  const stranger = agent('kasra', 'globex')
  const others = stepsOf(objectives, stranger)
  const requestId = randomUUID()
  const attempts = [
    objectives.call(stranger, getObjective, { objectiveId }),
    objectives.call(stranger, listObjectiveChanges, { objectiveId, limit: 1 }),
    objectives.call(stranger, objectToObjective, {
      ...{ requestId, objectiveId, version, reason: 'no' },
    }),
    others.edit(proposed),
    others.propose(proposed),
    others.decide(proposed, { decision: 'ratify', note: noteOn(proposed, athena) }),
    others.draft({ parentId: objectiveId }),
  ].map(refusal)
  for (const refused of await Promise.all(attempts)) {
    expect(refused.code).toBe('objectives.objective-not-found')
  }
  const { objectives: listed } = await objectives.call(stranger, listObjectives, { limit: 100 })
  expect(listed.map((one) => one.objectiveId)).not.toContain(objectiveId)
  expect(await tally()).toEqual(before)
})

test('lists go through all objectives page by page, and filter by state, parent, owner and tag', async () => {
  const context = agent('lister', 'listed')
  const mine = stepsOf(objectives, context)
  const tags = ['wanted']
  const root = await mine.draft({ tags })
  const child = await mine.draft({ parentId: root.objectiveId, owner: 'river' })
  const proposed = await mine.proposed({ tags, owner: 'river' })
  const ids = (listed: { objectiveId: string }[]) => listed.map(({ objectiveId }) => objectiveId)
  const list = async (query: object) => {
    const order = { limit: 100, ...query }
    return ids((await objectives.call(context, listObjectives, order)).objectives)
  }
  const all = ids([root, child, proposed])

  const paged: string[] = []
  for (let after: string | undefined; ;) {
    const page = await objectives.call(context, listObjectives, {
      limit: 2,
      ...(after !== undefined && { after }),
    })
    paged.push(...ids(page.objectives))
    after = page.next
    if (after === undefined) break
  }
  expect(paged).toEqual(all)
  expect(await list({ state: 'proposed' })).toEqual(ids([proposed]))
  expect(await list({ parentId: root.objectiveId })).toEqual(ids([child]))
  expect(await list({ owner: 'river' })).toEqual(ids([child, proposed]))
  expect(await list({ tag: 'wanted' })).toEqual(ids([root, proposed]))
  expect(await list({ tag: 'wanted', owner: 'river' })).toEqual(ids([proposed]))
})

test('what cannot be understood is no objective', async () => {
  const order = { requestId: randomUUID(), content: { ...content(), ratified: true } }
  const refused = await refusal(objectives.call(agent('kasra'), createObjective, order))
  expect(refused.code).toBe('bus.invalid-request')
  const drafted = await steps.draft()
  const wrong = { ...drafted, newestVersion: 7 }
  expect((await refusal(steps.edit(wrong))).details).toEqual({ newestVersion: 1 })
  const nobody = { ...drafted, objectiveId: randomUUID() }
  expect((await refusal(steps.edit(nobody))).code).toBe('objectives.objective-not-found')
  expect(editObjective.errors).toContain('objectives.version-conflict')
})
