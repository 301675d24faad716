import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { addTrack, getTrack } from '@mumega/contracts/gate'
import { getLedger } from '@mumega/contracts/gate-ledger'
import { listFindings, type Finding } from '@mumega/contracts/gate-review'
import { describeShape, getBriefing, listShapes, type Shape } from '@mumega/contracts/gate-shapes'
import { agent, codeOf, operator, refusal, startTestGate, type TestGate } from './given.ts'
import { recordOf, stepsOf, type At } from './given-review.ts'

let gate: TestGate
let steps: ReturnType<typeof stepsOf>

beforeAll(async () => {
  gate = await startTestGate()
  steps = stepsOf(gate)
}, 60_000)
afterAll(() => gate.stop())

const loom = agent('loom')
const WHOLE = {
  definition: 'Two readers act on one count.',
  prevention: 'Count and take the place in one statement.',
  checks: [{ kind: 'test' as const, name: 'two at once are one' }],
}

async function shapeOf(shapeId: string): Promise<Shape | undefined> {
  const { shapes } = await gate.call(loom, listShapes, { limit: 100 })
  return shapes.find((shape) => shape.shapeId === shapeId)
}

test('the seed’s sprint is on record for the substrate with the counts of its table, and no findings', async () => {
  const ledger = await gate.call(operator(), getLedger, { sprintId: 's023' })
  const column = (of: 'blocks' | 'iterations' | 'postGreen') =>
    ledger.tracks.map((track) => track[of])
  expect(ledger.tracks.map(({ trackId }) => trackId).join('')).toBe('abcdefgh')
  expect(column('blocks')).toEqual([0, 9, 5, 0, 7, 3, 2, 1])
  expect(column('iterations')).toEqual([1, 1, 3, 1, 3, 2, 2, 2])
  expect(column('postGreen')).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  expect(ledger.totals).toMatchObject({ blocks: 27, iterations: 15, postGreen: 0, blocksOpen: 0 })
  expect(ledger.tracks.every((track) => track.verdict === 'GREEN')).toBe(true)
  expect(ledger.tracks.some((track) => 'bySeverity' in track)).toBe(false)
  expect(ledger).toMatchObject({ origin: 'seed' })
  expect(ledger.note).toMatch(/27 BLOCKs.*"85\+".*S013–S023/)

  const { shapes } = await gate.call(operator(), listShapes, { limit: 10 })
  expect(shapes.map(({ shapeId, state, occurrences }) => [shapeId, state, occurrences])).toEqual([
    ['audit-before-write', 'named', 3],
    ['chain-seq-stale-read', 'named', 1],
    ['ha-pair-rollout-drift', 'candidate', 0],
  ])
  expect(await codeOf(gate.call(loom, getLedger, { sprintId: 's023' }))).toBe(
    'gate.sprint-not-found',
  )
  const track = { sprintId: 's023', trackId: 'i', title: 'I', author: 'agent.kasra', locks: [] }
  expect(await codeOf(gate.call(operator(), addTrack, track))).toBe('gate.sprint-historic')
})

test('the seed is loaded once, however often the service starts', async () => {
  const before = await recordOf(gate)
  await Promise.all([gate.suite.another('gate'), gate.suite.another('gate')])
  expect(await recordOf(gate)).toEqual(before)
})

test('a shape is a candidate at its first occurrence and named at its second, when it is known how it is prevented', async () => {
  const [first, second] = [await steps.reviewed(), await steps.reviewed()]
  const shape = 'count-then-take'
  await steps.find(first, 'WARN', { shape })
  expect(await shapeOf(shape)).toMatchObject({ state: 'candidate', occurrences: 1 })
  // The same iteration again is no other occurrence.
  await steps.find(first, 'WARN', { shape })
  expect(await shapeOf(shape)).toMatchObject({ state: 'candidate', occurrences: 1 })

  const before = await recordOf(gate)
  const refused = await refusal(steps.find(second, 'WARN', { shape }))
  expect(refused).toEqual({
    code: 'gate.shape-incomplete',
    details: { shapeId: shape, missing: 'definition, prevention, checks' },
  })
  expect(await recordOf(gate)).toEqual(before)
  const { checks: _, ...part } = WHOLE
  await gate.call(loom, describeShape, { shapeId: shape, ...part })
  expect(await refusal(steps.find(second, 'WARN', { shape }))).toMatchObject({
    details: { missing: 'checks' },
  })
  await gate.call(loom, describeShape, { shapeId: shape, ...WHOLE, surfaces: ['money'] })
  await steps.find(second, 'WARN', { shape })
  expect(await shapeOf(shape)).toMatchObject({ state: 'named', occurrences: 2, ...WHOLE })
  expect(await refusal(gate.call(loom, describeShape, { shapeId: shape, ...part }))).toMatchObject({
    code: 'gate.shape-incomplete',
    details: { missing: 'checks' },
  })
})

test('of two second occurrences at once one names the shape, and both are on record', async () => {
  for (let round = 0; round < 4; round += 1) {
    const shape = `racing-${round}`
    await gate.call(loom, describeShape, { shapeId: shape, ...WHOLE })
    const places = await Promise.all([steps.reviewed(), steps.reviewed(), steps.reviewed()])
    await Promise.all(places.map((at) => steps.find(at, 'INFO', { shape })))
    expect(await shapeOf(shape)).toMatchObject({ state: 'named', occurrences: 3 })
  }
})

test('the database names no shape that was found once', async () => {
  await gate.call(loom, describeShape, { shapeId: 'lonely', ...WHOLE })
  await steps.find(await steps.reviewed(), 'INFO', { shape: 'lonely' })
  const work = gate.db.transaction(async (trx) => {
    await trx.raw(`select set_config('mumega.tenant_id', 'acme', true)`)
    await trx('shapes')
      .where({ shape_id: 'lonely' })
      .update({ state: 'named', named_at: new Date() })
  })
  await expect(work).rejects.toThrow(/found once/)
})

test('a briefing has the shapes of its surface and of every surface, with where they were found', async () => {
  const globex = agent('river', 'globex')
  const describe = (shapeId: string, surfaces: string[]) =>
    gate.call(globex, describeShape, { shapeId, ...WHOLE, surfaces })
  await describe('a-money', ['money'])
  await describe('b-wire', ['wire'])
  await describe('c-both', ['money', 'wire'])
  await describe('d-any', [])
  const brief = async (surface: string, limit = 25, after?: string) => {
    const order = { surface, limit, ...(after !== undefined && { after }) }
    const { shapes, next } = await gate.call(globex, getBriefing, order)
    const own = shapes.filter((shape) => shape.of === 'own')
    return { ids: own.map(({ shapeId }) => shapeId), next }
  }
  expect(await brief('money')).toEqual({ ids: ['a-money', 'c-both', 'd-any'], next: undefined })
  expect(await brief('rollout')).toEqual({ ids: ['d-any'], next: undefined })
  expect(await brief('wire', 2)).toEqual({ ids: ['b-wire', 'c-both'], next: 'c-both' })
  expect(await brief('wire', 2, 'c-both')).toEqual({ ids: ['d-any'], next: undefined })

  const at = await steps.reviewed()
  await gate.call(loom, describeShape, { shapeId: 'on-chain', ...WHOLE, surfaces: ['chain'] })
  for (let number = 1; number <= 12; number += 1) {
    await steps.find(at, 'WARN', { shape: 'on-chain', title: `Number ${number}` })
  }
  const { shapes } = await gate.call(loom, getBriefing, { surface: 'chain', limit: 25 })
  const briefed = shapes.find(({ shapeId }) => shapeId === 'on-chain')
  expect(briefed?.findings).toHaveLength(10)
  expect(briefed?.findings[0]).toMatchObject({
    ...{ sprintId: at.sprintId, number: 12, title: 'Number 12', state: 'open' },
  })
})

test('every tenant is briefed with what the substrate knows, and not with where it was found', async () => {
  const initech = agent('loom', 'initech')
  for (const shapeId of ['b-own', 'chain-seq-stale-read']) {
    await gate.call(initech, describeShape, { shapeId, ...WHOLE, surfaces: ['chain'] })
  }
  const places = async (limit: number) => {
    const pages: string[][] = []
    let after: string | undefined
    do {
      const order = { surface: 'chain', limit, ...(after !== undefined && { after }) }
      const { shapes, next } = await gate.call(initech, getBriefing, order)
      pages.push(shapes.map(({ of, shapeId }) => `${of}/${shapeId}`))
      after = next
    } while (after !== undefined)
    return pages
  }
  const whole = [
    'own/b-own',
    'own/chain-seq-stale-read',
    'substrate/audit-before-write',
    'substrate/chain-seq-stale-read',
  ]
  for (const limit of [1, 2, 3, 4, 25]) {
    const pages = await places(limit)
    expect(pages.flat()).toEqual(whole)
    expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true)
    expect(pages.at(-1)).not.toEqual([])
  }

  const asked = { surface: 'chain', limit: 25 }
  const { shapes } = await gate.call(initech, getBriefing, asked)
  expect(shapes.at(2)).toMatchObject({
    ...{ state: 'named', occurrences: 3, historic: [], findings: [] },
    definition: expect.stringMatching(/appended before/),
    prevention: expect.stringMatching(/one transaction/),
    checks: [{ kind: 'eslint', name: 'no-audit-before-write' }],
  })
  expect(shapes.filter(({ note }) => note !== undefined)).toEqual([])
  const substrate = await gate.call(operator(), getBriefing, asked)
  expect(substrate.shapes.map(({ of, shapeId }) => `${of}/${shapeId}`)).toEqual([
    'own/audit-before-write',
    'own/chain-seq-stale-read',
  ])
  expect(substrate.shapes[0]?.historic).toHaveLength(3)

  // What nobody has said yet what it is, is nothing to consider.
  await gate.call(operator(), describeShape, { shapeId: 'undefined-yet', surfaces: ['chain'] })
  expect((await places(25)).flat()).toEqual(whole)
})

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('find' as const),
      severity: fc.constantFrom('BLOCK-P0', 'BLOCK-P1', 'WARN', 'INFO'),
      nth: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('fix' as const, 'carry' as const),
      nth: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('submit' as const, 'green' as const) }),
  },
)

/** Counted one by one, as a person with the list would. */
function countedBy(findings: readonly Finding[], iterations: number) {
  const count = (fits: (finding: Finding) => boolean) => findings.filter(fits).length
  const isBlock = ({ severity }: Finding) => severity.startsWith('BLOCK')
  const before = (severity: string) =>
    count((finding) => finding.severity === severity && !finding.postGreen)
  return {
    blocks: before('BLOCK-P0') + before('BLOCK-P1'),
    bySeverity: {
      ...{ 'BLOCK-P0': before('BLOCK-P0'), 'BLOCK-P1': before('BLOCK-P1') },
      ...{ WARN: before('WARN'), INFO: before('INFO') },
    },
    blocksOpen: count(
      (finding) =>
        isBlock(finding) &&
        (finding.state === 'open' || (finding.fix?.arrivesIn ?? 0) > iterations),
    ),
    postGreen: count(({ postGreen }) => postGreen),
    postGreenBlocks: count((finding) => isBlock(finding) && finding.postGreen),
    carries: count(({ state }) => state === 'carried'),
  }
}

test('the ledger has the figures that are counted one by one, whatever happened', async () => {
  const target = await steps.sprint()
  const run = fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (plan) => {
    const sprintId = await steps.sprint()
    const tracks = [await steps.track({ sprintId, trackId: 'a' })]
    tracks.push(await steps.track({ sprintId, trackId: 'b' }))
    for (const track of tracks) {
      let at: At = await steps.reported(await steps.submit(track))
      // What is refused as things stand changes nothing.
      const attempt = (work: Promise<unknown>) => work.catch(() => undefined)
      const past = [at]
      for (const one of plan) {
        if (one.do === 'find') {
          await attempt(steps.find(past[one.nth % past.length] ?? at, one.severity))
        } else if (one.do === 'fix') await attempt(steps.fix(at, one.nth))
        else if (one.do === 'carry') await attempt(steps.carry(at, one.nth, target))
        else if (one.do === 'green') await attempt(steps.judge(at))
        else at = await steps.submit(track).then(steps.reported, () => at)
        if (at !== past.at(-1)) past.push(at)
      }
    }
    const { tracks: rows, totals } = await gate.call(loom, getLedger, { sprintId })
    const sum = { blocks: 0, postGreen: 0, iterations: 0, carries: 0 }
    for (const [nth, track] of tracks.entries()) {
      const { findings } = await gate.call(loom, listFindings, { ...track, limit: 100 })
      const { iterations } = await gate.call(loom, getTrack, track)
      const { verdict } = iterations.at(-1) ?? {}
      const { length } = iterations
      const counted = { ...countedBy(findings, length), iterations: length }
      expect(rows[nth]).toEqual({
        ...{ trackId: track.trackId, title: 'A', ...counted },
        ...(verdict !== undefined && { verdict }),
      })
      for (const name of ['blocks', 'postGreen', 'iterations', 'carries'] as const) {
        sum[name] += counted[name]
      }
    }
    expect(totals).toMatchObject(sum)
  })
  await fc.assert(run, { numRuns: 20 })
}, 120_000)
