import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { connectAgent, type Agent } from '@mumega/agent-sdk'
import { eventually } from '@mumega/testkit'
import type { LoopbackServer } from '@mumega/testkit/loopback-server'
import { memoryOf } from '../src/memory.ts'
import { openRate } from '../src/rate.ts'
import { startCompany, startProxy, stateOf, textsOf, type Company } from './given.ts'
import { givenTime } from './given-time.ts'

const TEST_MS_MAX = 60_000
const CLI = join(import.meta.dirname, '..', '..', '..', 'cli', 'dist', 'main.mjs')
const NOBODYS = '00000000-0000-7000-8000-000000000000'

let company: Company
let secret: string
let ada: Agent
beforeAll(async () => {
  company = await startCompany(['audit-ledger', 'bridge', 'objectives', 'gateway'])
  secret = (await company.join('ada')).secret
  ada = await connectAgent({ url: company.url, token: secret })
}, TEST_MS_MAX)
const proxies: LoopbackServer[] = []
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.stop()
})
afterAll(async () => {
  await company.stop()
})

/** The gateway behind a proxy that ends with the test. */
async function proxied(hooks: Parameters<typeof startProxy>[1]): Promise<string> {
  const proxy = await startProxy(company, hooks)
  proxies.push(proxy)
  return proxy.url
}

const connect = async (...who: Parameters<Company['join']>) =>
  connectAgent({ url: company.url, token: (await company.join(...who)).secret })

/** Runs the real `mumega` as ada, by a principal's key. */
async function decide(words: readonly string[], principalId: string): Promise<void> {
  const key = join(company.suite.principalsFolder, `${principalId}.key`)
  const args = [CLI, ...words, '--tenant', 'acme', '--key', key, '--url', company.url]
  const env = { PATH: process.env['PATH'], MUMEGA_TOKEN: secret }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  expect(await once(child, 'close')).toEqual([0, null])
}

const dayFromNow = (days: number) =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

const OBJECTIVE = {
  ...{ title: 'Strangers pay', owner: 'ada', tags: ['paid'] },
  period: { from: dayFromNow(-9), to: dayFromNow(10) },
  keyResults: [
    {
      ...{ keyResultId: 'paying', title: 'Tenants that pay', unit: 'tenants' },
      ...{ baseline: 0, target: 10, direction: 'increase' },
      formula: { kind: 'count', of: { kinds: ['payment'] } },
    },
  ],
}

test(
  'an agent reads what is wanted, says what it does for it, remembers, and sees what came of it',
  async () => {
    const drafted = await company.ask(secret, '/v1/objectives', OBJECTIVE)
    const objectiveId = String(drafted['objectiveId'])
    const { objectives } = await ada.objectives({ owner: 'ada', tag: 'paid', state: 'draft' })
    expect(objectives).toMatchObject([{ objectiveId, title: 'Strangers pay', state: 'draft' }])
    const task = { kind: 'task', workId: 'T-1', title: 'Call ten shops', objectiveId } as const
    expect(await ada.putWork(task)).toMatchObject({ state: 'open', drift: 'not-ratified' })

    const remembered = await ada.remember({ kind: 'payment', tier: 'public', text: 'globex paid' })
    expect(remembered).toMatchObject({ recordedBy: 'agent:ada', kind: 'payment' })
    await ada.remember({ kind: 'payment', tier: 'public', measures: { amount: 29 } })
    const first = await ada.recall({ kind: 'payment', limit: 1 })
    expect(first.engrams).toMatchObject([{ measures: { amount: 29 } }])
    const after = String(first.next)
    expect(await ada.recall({ kind: 'payment', after })).toEqual({ engrams: [remembered] })
    const best = await ada.recall({ query: '"globex" paid & #', order: 'relevance' })
    expect(best).toEqual({ engrams: [remembered] })

    await expect(ada.progress(objectiveId)).rejects.toMatchObject({
      ...{ code: 'objectives.progress-not-found', kind: 'not-found' },
    })
    const proposing = `${company.url}/v1/objectives/${objectiveId}/versions/1/propose`
    const headers = { authorization: `Bearer ${secret}` }
    const proposed = await fetch(proposing, { method: 'POST', headers })
    const { sha256 } = (await proposed.json()) as { sha256: string }
    const seen = ['--version', '1', '--sha256', sha256]
    await decide(['objective', 'ratify', objectiveId, ...seen], 'agent.athena')
    await decide(['progress', 'run'], 'agent.mizan')
    const computed = await eventually(() => ada.progress(objectiveId).catch(() => undefined), {
      what: 'the day is computed',
    })
    expect(computed.keyResults).toMatchObject([{ value: 2, engrams: { count: 2 } }])
    expect(await ada.progress(objectiveId, { day: computed.day })).toEqual(computed)
    const done = await ada.putWork({ ...task, state: 'done' })
    expect(done).toMatchObject({ state: 'done', closedAt: expect.any(String) })
    expect(done).not.toHaveProperty('drift')
  },
  TEST_MS_MAX,
)

test('what is said is on record once when the answer to it is lost, or the question', async () => {
  const lost = { before: 0, after: 0 }
  const lose = (when: 'before' | 'after') => (line: string) => {
    if (!/^(POST \/v1\/engrams|PUT \/v1\/work)/.test(line) || lost[when] === 2) return
    lost[when] += 1
    throw new Error(`it is lost on its way, ${when}`)
  }
  const url = await proxied({ before: lose('before'), after: lose('after') })
  const agent = await connectAgent({ url, token: secret })
  const engram = await agent.remember({ kind: 'lost', tier: 'private', text: 'Once.' })
  await agent.putWork({ kind: 'task', workId: 'lost', title: 'Once' })

  expect(lost).toEqual({ before: 2, after: 2 })
  expect((await ada.recall({ kind: 'lost' })).engrams).toEqual([engram])
})

test('by the same key another process says nothing twice, and nothing else instead', async () => {
  const content = { kind: 'keyed', tier: 'public', text: 'Once.' } as const
  const keyed = { idempotencyKey: 'after-a-crash' }
  const engram = await ada.remember(content, keyed)
  const again = await connectAgent({ url: company.url, token: secret })
  expect(await again.remember(content, keyed)).toEqual(engram)
  const reused = { code: 'gateway.idempotency-key-reused', kind: 'unprocessable' }
  await expect(again.remember({ ...content, text: 'Other.' }, keyed)).rejects.toMatchObject(reused)
  const task = { kind: 'task', workId: 'keyed', title: 'Keyed' } as const
  await expect(again.putWork(task, keyed)).rejects.toMatchObject(reused)
  expect((await ada.recall({ kind: 'keyed' })).engrams).toEqual([engram])
})

test(
  'the second agent of the README, killed when it has remembered, remembers once',
  async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const [, program = ''] = [...readme.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code)
    const file = fileURLToPath(new URL(`readme-memory-${process.pid}.mjs`, import.meta.url))
    writeFileSync(file, program)
    const bob = (await company.join('bob')).secret
    let kill: () => void = () => undefined
    const url = await proxied({
      async after(line) {
        if (line !== 'POST /v1/engrams') return
        kill()
        await new Promise(() => undefined)
      },
    })
    const run = (there: string) => {
      const env = { MUMEGA_URL: there, MUMEGA_TOKEN: bob }
      const child = spawn(process.execPath, [file], { env, stdio: 'inherit' })
      company.started.push(child)
      return { child, ended: once(child, 'exit') }
    }
    try {
      const first = run(url)
      kill = () => first.child.kill('SIGKILL')
      const messageId = await ada.send('bob', 'Who pays?')
      await first.ended
      await company.ask(bob, `/v1/inbox/${messageId}/hold`, { body: 'main', seconds: 0 })
      const second = run(company.url)
      const state = async () => (await stateOf(company, secret, messageId))?.['status']
      await eventually(async () => (await state()) === 'acknowledged', { what: 'it is done' })
      second.child.kill('SIGKILL')
      await second.ended
      expect((await ada.recall({ kind: 'question' })).engrams).toMatchObject([
        { text: 'Who pays?', recordedBy: 'agent:bob' },
      ])
      expect(await textsOf(company, secret)).toEqual(['Of 1 questions yours is the newest.'])
    } finally {
      rmSync(file)
    }
  },
  TEST_MS_MAX,
)

test('what is refused says why, and names the field that is to be mended', async () => {
  const said = { kind: 'a', tier: 'public', text: 'b' } as const
  const task = { kind: 'task', workId: 'T-9', title: 'a' } as const
  const refusals: [() => Promise<unknown>, { code?: string; kind?: string; field?: string }][] = [
    [
      () => ada.remember({ ...said, kind: 'A b' }),
      { code: 'gateway.invalid-request', field: 'kind' },
    ],
    [
      () => ada.remember({ ...said, text: 'x'.repeat(16_385) }),
      { code: 'objectives.text-too-large', kind: 'too-large', field: 'text' },
    ],
    [
      () => ada.remember({ ...said, text: '\ud800' }),
      { code: 'objectives.invalid-text', field: 'text' },
    ],
    [() => ada.remember({ ...said, text: 'x'.repeat(70_000) }), { code: 'gateway.body-too-large' }],
    [
      () => ada.remember({ ...said, tier: 'squad', circle: 'core' }),
      { code: 'objectives.not-in-circle', kind: 'forbidden' },
    ],
    [() => ada.recall({ limit: 101 }), { code: 'gateway.invalid-request', field: 'limit' }],
    [
      () => ada.recall({ query: 'the' }),
      { code: 'objectives.query-without-words', field: 'query' },
    ],
    [
      () => ada.progress(NOBODYS, { day: 'x&y' }),
      { code: 'gateway.invalid-request', field: 'day' },
    ],
    [() => ada.putWork({ ...task, title: 'ü'.repeat(401) }), { field: 'title', kind: 'too-large' }],
    [
      () => ada.putWork({ ...task, objectiveId: NOBODYS }),
      { code: 'objectives.objective-not-found' },
    ],
  ]
  for (const [refused, { field, ...told }] of refusals) {
    const details = field === undefined ? {} : { details: { field } }
    await expect(refused()).rejects.toMatchObject({ ...told, ...details })
  }
})

test('what no path or header can hold is refused before anything is asked', async () => {
  const asked: string[] = []
  const url = await proxied({ before: (line) => void asked.push(line) })
  const agent = await connectAgent({ url, token: secret })
  const task = { kind: 'task', workId: 'T-9', title: 'a' } as const
  const said = { kind: 'a', tier: 'public', text: 'b' } as const
  for (const [refused, field] of [
    [() => agent.progress('../../whoami'), 'objectiveId'],
    [() => agent.putWork({ ...task, workId: '..' }), 'workId'],
    [() => agent.putWork({ ...task, kind: '..' as 'task' }), 'kind'],
    [() => agent.remember(said, { idempotencyKey: 'a\nb' }), 'idempotencyKey'],
    [() => agent.putWork(task, { idempotencyKey: '' }), 'idempotencyKey'],
  ] as const) {
    await expect(refused()).rejects.toMatchObject({
      ...{ code: 'agent-sdk.invalid-option', details: { field } },
    })
  }
  const inexact = { ...said, measures: { amount: 1n as unknown as number } }
  await expect(agent.remember(inexact)).rejects.toThrow(/BigInt/)
  expect(asked).toEqual(['GET /v1/whoami'])
})

test('an agent without the scopes, or of another tenant, is told no more than a stranger', async () => {
  const mute = await connect('mute', { scopes: ['messages:read'] })
  const missing = { code: 'gateway.scope-missing', kind: 'forbidden' }
  const said = { kind: 'a', tier: 'public', text: 'b' } as const
  await expect(mute.remember(said)).rejects.toMatchObject(missing)
  await expect(mute.recall()).rejects.toMatchObject(missing)
  await expect(mute.objectives()).rejects.toMatchObject(missing)
  await expect(mute.progress(NOBODYS)).rejects.toMatchObject(missing)
  await expect(mute.putWork({ kind: 'task', workId: 'a', title: 'a' })).rejects.toMatchObject(
    missing,
  )

  await ada.remember(said)
  const drafted = await company.ask(secret, '/v1/objectives', OBJECTIVE)
  const objectiveId = String(drafted['objectiveId'])
  const eve = await connect('eve', { tenantId: 'globex' })
  expect(await eve.recall()).toEqual({ engrams: [] })
  expect(await eve.objectives()).toEqual({ objectives: [] })
  const told = await Promise.all(
    [objectiveId, NOBODYS].map((id) =>
      eve.progress(id).catch((error: unknown) => String(error).replaceAll(id, '<id>')),
    ),
  )
  expect(told[0]).toMatch(/Nothing was computed/)
  expect(told[0]).toBe(told[1])
})

test('a call waits for the next minute when the rate leaves no request', async () => {
  const { time, pass } = givenTime()
  const rate = openRate(time)
  const none = { 'ratelimit-limit': '60', 'ratelimit-remaining': '0', 'ratelimit-reset': '40' }
  rate.note(new Headers(none), 0)
  const memory = memoryOf({ url: company.url, token: secret, time, rate, isKnown: true })
  let isAnswered = false
  const recalled = memory.recall({ limit: 1 }).then(() => (isAnswered = true))
  await pass(39_000)
  expect(isAnswered).toBe(false)
  await pass(1_000)
  expect(await recalled).toBe(true)
})
