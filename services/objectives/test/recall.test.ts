import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Engram, EngramContent, EngramTier } from '@mumega/contracts/engrams'
import type { Circle } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { eventually } from '@mumega/testkit'
import { memoryOf, type Memory } from './given-engrams.ts'
import { agent, operator, refusal, startTestObjectives, type TestObjectives } from './given.ts'

let objectives: TestObjectives

beforeAll(async () => {
  objectives = await startTestObjectives()
}, 60_000)
afterAll(() => objectives.stop())

const WORDS = ['harbour', 'lantern', 'meadow', 'the', 'private', 'core']
const CIRCLES = ['squad:core', 'project:core', 'squad:edge', 'entity:core'] as const
const NAMES = ['kasra', 'loom', 'private']

interface Known extends Engram {
  tenantId: string
}

const told = fc.record({
  tenantId: fc.constantFrom('acme', 'globex'),
  by: fc.constantFrom(...NAMES),
  words: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom('decision', 'lesson'),
  tags: fc.uniqueArray(fc.constantFrom('harbour', 'red', 'public'), { maxLength: 2 }),
  shared: fc.constantFrom<EngramTier | Circle>('public', 'private', ...CIRCLES),
  observedAt: fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-06-01T00:00:00.000Z'),
})

async function given(one: typeof told extends fc.Arbitrary<infer T> ? T : never): Promise<Known> {
  const { tenantId, by, words, kind, tags, shared, observedAt } = one
  const [tier, circle] = shared.split(':') as [EngramTier, string?]
  const content: EngramContent = {
    ...{ kind, tags, tier, observedAt, text: words.join(' ') },
    ...(circle !== undefined && { circle }),
  }
  const memory = memoryOf(objectives, agent(by, tenantId), [...CIRCLES])
  return { tenantId, ...(await memory.record(content)) }
}

interface Caller {
  context: CallContext
  circles: Circle[]
}

const caller: fc.Arbitrary<Caller> = fc
  .record({
    tenantId: fc.constantFrom('acme', 'globex', 'nobody'),
    name: fc.constantFrom(...NAMES, undefined),
    circles: fc.uniqueArray(fc.constantFrom<Circle>(...CIRCLES)),
  })
  .map(({ tenantId, name, circles }) => ({
    context: name === undefined ? operator(tenantId) : agent(name, tenantId),
    circles,
  }))

const query = fc.record(
  {
    word: fc.constantFrom('harbour', 'lantern', 'private', 'core'),
    without: fc.constantFrom('lantern', 'meadow'),
    kind: fc.constantFrom('decision', 'lesson', 'none'),
    tag: fc.constantFrom('harbour', 'red', 'public'),
    tier: fc.constantFrom<EngramTier>('public', 'squad', 'entity', 'private'),
    circle: fc.constantFrom('core', 'edge'),
    by: fc.constantFrom('agent:kasra', 'agent:private', "' | ' r private"),
    since: fc.constant('2026-03-01T00:00:00.000Z'),
    until: fc.constant('2026-03-01T00:00:00.000Z'),
    limit: fc.constantFrom(1, 3, 100),
  },
  { requiredKeys: ['limit'] },
)
type Query = typeof query extends fc.Arbitrary<infer T> ? T : never

/** The rule in other words than the service's. */
function mayRecall({ context, circles }: Caller, engram: Known): boolean {
  if (engram.tenantId !== context.tenantId) return false
  switch (engram.tier) {
    case 'public':
      return true
    case 'private':
      return engram.recordedBy === context.actor.id
    default:
      return (
        context.actor.kind === 'human' ||
        circles.some((circle) => circle === `${engram.tier}:${String(engram.circle)}`)
      )
  }
}

function fits(asked: Query, { text = '', ...engram }: Known): boolean {
  const words = text.split(' ')
  return (
    (asked.word === undefined || words.includes(asked.word)) &&
    (asked.without === undefined || !words.includes(asked.without)) &&
    (asked.kind === undefined || engram.kind === asked.kind) &&
    (asked.tag === undefined || engram.tags.includes(asked.tag)) &&
    (asked.tier === undefined || engram.tier === asked.tier) &&
    (asked.circle === undefined || engram.circle === asked.circle) &&
    (asked.by === undefined || engram.recordedBy === asked.by) &&
    (asked.since === undefined || engram.observedAt >= asked.since) &&
    (asked.until === undefined || engram.observedAt < asked.until)
  )
}

const queryText = ({ word, without }: Query) =>
  [...(word === undefined ? [] : [word]), ...(without === undefined ? [] : [`-${without}`])].join(
    ' ',
  )

test('everybody recalls, finds and gets exactly what is theirs to know, and nothing of another tenant', async () => {
  const known: Known[] = []
  for (const one of fc.sample(told, 160)) known.push(await given(one))
  await fc.assert(
    fc.asyncProperty(caller, query, fc.nat(known.length - 1), async (who, asked, nth) => {
      const memory = memoryOf(objectives, who.context, who.circles)
      const { word: _, without: __, ...conditions } = asked
      const text = queryText(asked)
      const found = await memory.recallAll({ ...conditions, ...(text !== '' && { query: text }) })
      const expected = known.filter((engram) => mayRecall(who, engram) && fits(asked, engram))
      expect(found).toEqual(expected.map(({ engramId }) => engramId).reverse())
      const one = known[nth]
      if (one === undefined) throw new Error('there is none')
      const { tenantId: ___, ...engram } = one
      const got = memory.get(one.engramId)
      if (mayRecall(who, one)) expect(await got).toEqual(engram)
      else expect((await refusal(got)).code).toBe('objectives.engram-not-found')
    }),
    { numRuns: 150 },
  )
}, 120_000)

const recallOf = (tenantId: string): Memory => memoryOf(objectives, agent('kasra', tenantId))

test('words are found in any form, phrases as they are, and the most relevant first when asked', async () => {
  const memory = recallOf('words')
  const texts = [
    'deploying deployments: we deployed the deploy',
    'we deploy on Friday, after the long review of the release notes',
    'Friday is quiet',
  ]
  const ids: string[] = []
  for (const text of texts) ids.push((await memory.record({ text })).engramId)
  const [most, some, friday] = ids
  const at = (asked: string, more = {}) => memory.recallAll({ query: asked, ...more })
  expect(await at('deployed')).toEqual([some, most])
  expect(await at('deployed', { order: 'relevance' })).toEqual([most, some])
  expect(await at('"long review"')).toEqual([some])
  expect(await at('quiet or deploy')).toEqual([friday, some, most])
  expect((await memory.recall({ query: 'deploy', order: 'relevance', limit: 1 })).next).toBe(
    undefined,
  )
})

test('what is written like a condition is words, in a text and in a query', async () => {
  const memory = recallOf('forged')
  const hidden = await memoryOf(objectives, agent('loom', 'forged')).record({
    ...{ tier: 'private', text: 'hidden treasure' },
  })
  const text = `' v public' ' n forged' ' v private:agent:kasra' k decision`
  const forged = await memory.record({ kind: 'lesson', text })
  for (const asked of [
    `' v private:agent:loom'`,
    `" v private:agent:loom"`,
    `treasure | ' r private'`,
    `treasure:*`,
    `treasure' & ' n forged`,
    `\\' r private\\'`,
  ]) {
    expect(await memory.recallAll({ query: asked })).not.toContain(hidden.engramId)
  }
  expect(await recallOf('elsewhere').recallAll({ query: 'public or forged or private' })).toEqual(
    [],
  )
  expect(await memory.recallAll({ kind: 'decision' })).toEqual([])
  expect(await memory.recallAll({ query: 'agent' })).toContain(forged.engramId)
})

test.each([
  [{ query: 'the' }, 'objectives.query-without-words', 'query'],
  [{ query: '-'.repeat(900) }, 'objectives.query-without-words', 'query'],
  [{ query: '- '.repeat(400) }, 'objectives.query-without-words', 'query'],
  [{ query: 'word '.repeat(40) }, 'objectives.invalid-engram', 'query'],
  [{ query: '"" ... \'' }, 'objectives.query-without-words', 'query'],
  [{ query: 'x'.repeat(1_001) }, 'objectives.text-too-large', 'query'],
  [{ query: 'a\u0000' }, 'objectives.invalid-text', 'query'],
  [{ by: 'a\u0000' }, 'objectives.invalid-text', 'by'],
  [{ since: '2026-02-30T00:00:00.000Z' }, 'objectives.invalid-engram', 'since'],
  [{ order: 'relevance' as const }, 'objectives.invalid-engram', 'order'],
  [{ order: 'relevance' as const, query: 'x', after: '5' }, 'objectives.invalid-engram', 'after'],
])('a recall that makes no sense is refused by name: %j', async (asked, code, field) => {
  const refused = await refusal(recallOf('acme').recall(asked))
  expect(refused).toMatchObject({ code, details: { field } })
})

test('a rare word is found by the index, although the table’s policy lets no other query use it', async () => {
  const { admin } = objectives
  await admin.transaction(async (trx) => {
    // These rows are no acts.
    await trx.raw(`set local session_replication_role = replica`)
    await trx.raw(
      `insert into engrams (tenant_id, engram_id, kind, body, tier, recorded_by, observed_at,
           recorded_at, nonce)
         select 'many', gen_random_uuid(), 'note', 'common number' || n, 'public', 'agent:a',
                now(), now(), repeat('n', 22) from generate_series(1, 20000) n`,
    )
  })
  await admin.raw('analyze engrams')
  const scans = async () => {
    const { rows } = await admin.raw<{ rows: { scans: string }[] }>(
      `select idx_scan as scans from pg_stat_user_indexes where indexrelname = 'engrams_search'`,
    )
    return Number(rows[0]?.scans)
  }
  const before = await scans()
  const memory = recallOf('many')
  await eventually(
    async () => {
      expect((await memory.recall({ query: 'number777' })).engrams).toHaveLength(1)
      return (await scans()) > before
    },
    { what: 'a scan of the index', timeoutMs: 15_000 },
  )
})

test.each([
  'example.com',
  'https://example.com/a-path/to?it=1',
  '"pay attention to example"',
  'attention -absent',
  'kay@example.com or absent',
  'snake_case',
  'well-known',
])('%s is found in a text with addresses and compounds', async (query) => {
  const memory = memoryOf(objectives, agent('scribe', 'writers'))
  const text =
    'Pay attention to example.com: https://example.com/a-path/to?it=1, kay@example.com, ' +
    'snake_case and what is well-known.'
  const recorded = await memory.record({ kind: 'note', tier: 'public', text })

  const { engrams } = await memory.recall({ query })
  expect(engrams.map(({ engramId }) => engramId)).toContain(recorded.engramId)
  const { engrams: none } = await memory.recall({ query: `-attention ${query} nowhere` })
  expect(none).toEqual([])
})
