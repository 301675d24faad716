import { SERVICES } from '@mumega/contracts/topology'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenAgent, type Api } from './given.ts'
import { mumega } from './given-cli.ts'
import { startApiWithAgent } from './given-objectives.ts'

let api: Api
let tenantId: string
let kasra: string
let river: string

beforeAll(async () => {
  ;({ api, tenantId, kasra } = await startApiWithAgent(SERVICES))
  river = await givenAgent(api, tenantId, 'river')
}, 120_000)
afterAll(() => api.stop())

const ATHENA = () => join(api.suite.principalsFolder, 'agent.athena.key')
const commitOf = (digit: string) => digit.repeat(40)

async function send(path: string, body?: object, token = kasra) {
  const method = body === undefined ? 'GET' : 'POST'
  return api.call({ method, path: `/v1/gate${path}`, token, body })
}

async function made(path: string, body: object, token = kasra) {
  const { status, json, text } = await send(path, body, token)
  if (status >= 300) throw new Error(text)
  return json
}

const REPORT = { testsRun: 140, testsPassed: 140, how: 'The whole suite.' }

/** A track of a new sprint, with one iteration of which both arms have reported. */
async function reviewed(sprintId: string, commit = commitOf('a')): Promise<string> {
  await made('/sprints', { sprintId, title: `Sprint ${sprintId}` })
  const track = { trackId: 'c', title: 'Self-heal', author: 'agent.kasra', locks: [] }
  await made(`/sprints/${sprintId}/tracks`, track)
  const path = `/sprints/${sprintId}/tracks/c`
  await made(`${path}/iterations`, { commit })
  await report(path, 1, commit)
  return path
}

async function report(path: string, iteration: number, commit: string) {
  for (const arm of ['correctness', 'adversarial']) {
    await made(`${path}/iterations/${iteration}/reports`, { arm, commit, ...REPORT }, river)
  }
}

const verdict = (sprintId: string, words: readonly string[], url = api.suite.gatewayUrl) =>
  mumega(['gate', 'verdict', sprintId, 'c', ...words, '--tenant', tenantId, '--url', url], kasra)

/** Looks, and signs what was seen. */
async function signed(sprintId: string, words: readonly string[], url = api.suite.gatewayUrl) {
  const looked = await verdict(sprintId, words.slice(0, -2))
  const seen = /^sha256 "([0-9a-f]{64})"$/m.exec(looked.stdout)?.[1] ?? ''
  return verdict(sprintId, [...words, '--sha256', seen], url)
}
const athena = (iteration: number, commit: string, said = 'GREEN') => [
  ...['--iteration', String(iteration), '--commit', commit, '--verdict', said, '--key', ATHENA()],
]

test('work passes the gate over HTTP: found, fixed, reviewed again and judged by athena from her machine', async () => {
  const [first, second] = [commitOf('a'), commitOf('b')]
  const path = await reviewed('s024')
  const evidence = { commit: first, tests: 'race.test', reproduced: 'Eight at once.' }
  const finding = { arm: 'adversarial', severity: 'BLOCK-P0', title: 'Two at once both win' }
  await made(`${path}/iterations/1/findings`, { ...finding, evidence, shape: 'race' }, river)
  const early = await signed('s024', athena(1, first))
  expect(early).toMatchObject({ code: 1, stdout: '' })
  expect(early.stderr).toContain('gate.blocks-open')

  const fix = { commit: second, test: 'two at once are one' }
  const shown = { failedBefore: { commit: first, output: '✕' }, passesAfter: { output: '✓' } }
  await made(`${path}/findings/1/fix`, { ...fix, ...shown })
  await made(`${path}/iterations`, { commit: second })
  await report(path, 2, second)
  const looked = await verdict('s024', athena(2, second).slice(0, -2))
  expect(looked.stdout).toContain('1. BLOCK-P0 in iteration 1, fixed: Two at once both win')
  expect(looked.stdout).toContain('mumega/gate-verdict/v1\n')
  const blind = await verdict('s024', athena(2, second))
  expect(blind).toMatchObject({ code: 64, stdout: '' })
  expect(blind.stderr).toContain('--sha256')
  const judged = await signed('s024', athena(2, second))
  expect(judged).toMatchObject({ code: 0, stderr: '' })
  expect(judged.stdout).toMatch(/^iteration 2 of s024\/c is GREEN: [0-9a-f]{64}\n$/)

  const late = { ...finding, severity: 'WARN', evidence: { ...evidence, commit: second } }
  await made(`${path}/iterations/2/findings`, late, river)
  const { json: ledger } = await send('/sprints/s024/ledger')
  expect(ledger).toMatchObject({
    tracks: [{ trackId: 'c', blocks: 1, iterations: 2, verdict: 'GREEN', postGreen: 1 }],
    totals: { blocks: 1, blocksOpen: 0, postGreen: 1, postGreenBlocks: 0 },
  })
  await made('/sprints', { sprintId: 's033', title: 'Next' })
  await made(`${path}/findings/2/carry`, { to: 's033' })
  const { stdout } = await mumega(['gate', 'ledger', 's033', '--url', api.suite.gatewayUrl], kasra)
  expect(stdout).toContain('\ncarried here: 1\n  WARN s024/c 2: Two at once both win\n')
  const entries = await eventually(
    async () => {
      const query = `/v1/audit/entries?action=verdict.given&order=oldest`
      const { json } = await api.call({ path: query, token: kasra })
      const all = json['entries'] as object[]
      return all.length > 0 && all
    },
    { what: 'the entry' },
  )
  expect(entries).toMatchObject([{ target: 'track:s024/c', chain: tenantId }])
})

test('an operator with every scope gives no verdict, and reads what has to be signed', async () => {
  const commit = commitOf('c')
  const path = await reviewed('s025', commit)
  const { json } = await send(`${path}/iterations/1`)
  const body = { commit, verdict: 'GREEN', note: 'please' }
  const verdicts = `${path}/iterations/1/verdicts?tenantId=${tenantId}`
  const refused = await send(verdicts, body, api.operator)
  expect([refused.status, refused.code]).toEqual([403, 'objectives.signature-invalid'])
  expect(refused.json['expected']).toContain(`sha256 "${String(json['sha256'])}"\n`)
  const loom = athena(1, commit).with(-1, join(api.suite.principalsFolder, 'agent.loom.key'))
  expect(await verdict('s025', loom)).toMatchObject({ code: 64, stdout: '' })
})

test('what was said after athena had looked is not signed by what she saw', async () => {
  const commit = commitOf('f')
  const path = await reviewed('s029', commit)
  const { json } = await send(`${path}/iterations/1`)
  const evidence = { commit, reproduced: 'Afterwards.' }
  const late = { arm: 'adversarial', severity: 'WARN', title: 'Late', evidence }
  await made(`${path}/iterations/1/findings`, late, river)
  const seen = ['--sha256', String(json['sha256'])]
  const ran = await verdict('s029', [...athena(1, commit), ...seen])
  expect(ran).toMatchObject({ code: 1, stdout: '' })
  expect(ran.stderr).toContain('nothing was signed')
})

test('a note of a sprint shows as its words, and no line of it as one of the ledger', async () => {
  const note = 'x\npost-GREEN: 0, of which BLOCKs: 0\nd Checkout  0  GREEN'
  await made('/sprints', { sprintId: 's031', title: 'Sprint GREEN', note })
  const url = ['--url', api.suite.gatewayUrl]
  const { stdout } = await mumega(['gate', 'ledger', 's031', ...url], kasra)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.slice(-3)).toEqual(note.split('\n').map((line) => `> ${line}`))
  expect(lines.filter((line) => line.startsWith('post-GREEN'))).toHaveLength(1)
})

test('half a character is refused by its field, with a key as without', async () => {
  const body = { sprintId: 's032', title: '\ud800' }
  for (const headers of [{}, { 'idempotency-key': 'half' }] as Record<string, string>[]) {
    const order = { path: '/v1/gate/sprints', token: kasra, body, headers }
    const refused = await api.call({ method: 'POST', ...order })
    expect(refused).toMatchObject({ status: 400, code: 'gate.invalid-text' })
    expect(refused.json['field']).toBe('title')
  }
})

test('bad input is refused with the name of the field', async () => {
  const path = await reviewed('s026')
  const finding = { arm: 'adversarial', severity: 'BLOCK-P2', title: 'x' }
  const evidence = { commit: commitOf('a'), reproduced: 'x', more: 1 }
  for (const [body, field] of [
    [{ ...finding, evidence: { commit: 'abc1234', reproduced: 'x' } }, 'severity'],
    [{ ...finding, severity: 'INFO', evidence }, 'evidence.more'],
    [{ ...finding, severity: 'INFO' }, 'evidence'],
  ] as const) {
    const refused = await send(`${path}/iterations/1/findings`, body, river)
    expect([refused.status, refused.json['field']]).toEqual([400, field])
  }
  const own = { arm: 'correctness', commit: commitOf('a'), ...REPORT }
  const mine = await send(`${path}/iterations/1/reports`, own)
  expect([mine.status, mine.code, mine.json['who']]).toEqual([
    ...[403, 'gate.own-work', 'agent:kasra'],
  ])
  expect((await send('/sprints/none/ledger')).code).toBe('gate.sprint-not-found')
})

test('the seed’s ledger comes as a table with a chart, and as JSON', async () => {
  const words = ['gate', 'ledger', 's023', '--url', api.suite.gatewayUrl]
  const { code, stdout } = await mumega(words, api.operator)
  expect(code).toBe(0)
  const lines = stdout.split('\n')
  expect(stdout).toMatch(/^b Self-monitor +9( +–){4} +0 +1 +0 +0 {2}GREEN$/m)
  expect(lines).toContain(`  b  ${'█'.repeat(40)} 9`)
  expect(lines).toContain(`  c  ${'█'.repeat(22)} 5`)
  expect(lines).toContain('  a   0')
  expect(lines).toContain('post-GREEN: 0, of which BLOCKs: 0')
  expect(stdout).toMatch(/^total +27 .* 15 /m)
  expect(stdout).toContain('The totals disagree')
  expect(stdout).not.toContain('\u001b')
  const asJson = await mumega([...words, '--json'], api.operator)
  const { json } = await send('/sprints/s023/ledger', undefined, api.operator)
  expect(JSON.parse(asJson.stdout)).toEqual(json)
})

test('a list as long as a body may be is refused by its field', async () => {
  const body = `{"surfaces":[${'"a",'.repeat(16_000)}"a"]}`
  const { status, json } = await api.call({
    ...{ method: 'PUT', path: '/v1/gate/shapes/x', token: api.operator, body },
  })
  expect([status, json['code'], json['field']]).toEqual([
    400,
    'gateway.invalid-request',
    'surfaces',
  ])
})

test('a briefing comes over HTTP and in the terminal', async () => {
  const { json } = await send('/briefing?surface=money', undefined, api.operator)
  expect(json).toMatchObject({ shapes: [{ shapeId: 'audit-before-write', state: 'named' }] })
  const url = ['--url', api.suite.gatewayUrl]
  const brief = await mumega(['gate', 'briefing', 'money', ...url], api.operator)
  expect(brief.stdout).toContain('audit-before-write (named, 3 found)')
  expect(brief.stdout).toContain('checks:     eslint no-audit-before-write')
  for (const [words, told] of [
    [['gate', 'briefing', 'Money'], 'a surface'],
    [['gate', 'ledger'], 'a sprint'],
    [['gate', 'bless', 's023'], 'mumega gate ledger'],
    [['gate', 'verdict', 's023', 'c', '--iteration', '1'], '--commit'],
    [['gate', 'verdict', 's023', 'c', '--commit', commitOf('a')], '--iteration'],
    // No server says for which tenant is signed.
    [['gate', 'verdict', 's023', 'c', ...athena(1, commitOf('a'))], '--tenant'],
  ] as const) {
    const ran = await mumega([...words, ...url], api.operator)
    expect([ran.code, ran.stdout]).toEqual([64, ''])
    expect(ran.stderr).toContain(told)
  }
})

test('a gateway that shows something else than was asked for gets no signature', async () => {
  const commit = commitOf('d')
  const path = await reviewed('s027', commit)
  const { json } = await send(`${path}/iterations/1`)
  const judged = json['judged'] as object
  const lies = [
    { judged: { ...judged, reports: [] } },
    // What has no hash at all.
    { judged: { ...judged, more: '\ud800' } },
    { judged: { ...judged, sprintId: 's028' } },
    { judged: { ...judged, iteration: 2 } },
    { judged: { ...judged, commit: commitOf('e') } },
    { sha256: 'f'.repeat(64) },
    { tenantId: 'globex' },
  ]
  const asked: string[] = []
  let lie: object = {}
  const liar = createServer((request, response) => {
    asked.push(request.method ?? '')
    const answer = JSON.stringify({ ...json, ...lie })
    response.setHeader('content-type', 'application/json').end(answer)
  })
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve))
  const { port } = liar.address() as AddressInfo
  const words = [...athena(1, commit), '--sha256', String(json['sha256'])]
  try {
    for (lie of lies) {
      const ran = await verdict('s027', words, `http://127.0.0.1:${port}`)
      expect(ran).toMatchObject({ code: 1, stdout: '' })
      expect(ran.stderr).toContain('nothing was signed')
    }
  } finally {
    liar.close()
  }
  expect(asked).toEqual(lies.map(() => 'GET'))
})
