import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connectAgent, Rejection, type Agent, type Work } from '@mumega/agent-sdk'
import { eventually } from '@mumega/testkit'
import { startCompany, stateOf, textsOf, type Company } from './given.ts'

const TEST_MS_MAX = 60_000

let company: Company
let adaToken: string
let ada: Agent
beforeAll(async () => {
  company = await startCompany()
  adaToken = (await company.join('ada')).secret
  ada = await connectAgent({ url: company.url, token: adaToken })
}, TEST_MS_MAX)
afterAll(async () => {
  await company.stop()
})

const connect = async (name: string) => {
  const { secret, tokenId } = await company.join(name)
  const agent = await connectAgent({ url: company.url, token: secret })
  return { agent, secret, tokenId }
}

const becomes = (messageId: string, status: string) =>
  eventually(
    async () => {
      const state = await stateOf(company, adaToken, messageId)
      return state?.['status'] === status ? state : undefined
    },
    { what: `the message to be ${status}` },
  )

test(
  'the agent of the README answers whoever writes to it',
  async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const program = /```js\n([^]*?)```/.exec(readme)?.[1] ?? ''
    expect(program.split('\n').length).toBeLessThanOrEqual(21)
    // Beside this file, where the package has its own name.
    const file = fileURLToPath(new URL(`readme-${process.pid}.mjs`, import.meta.url))
    writeFileSync(file, program)
    const { secret } = await company.join('echo')
    const child = spawn(process.execPath, [file], {
      cwd: company.folder,
      env: { MUMEGA_URL: company.url, MUMEGA_TOKEN: secret },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
    try {
      const messageId = await ada.send('echo', 'good morning')
      await becomes(messageId, 'acknowledged')
      expect(await textsOf(company, adaToken)).toContain('You said: good morning')
      expect(await ada.ask('echo', 'are you there?')).toBe('You said: are you there?')
      child.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
      expect(said).toBe('echo of acme is listening\nada: good morning\nada: are you there?\n')
    } finally {
      child.kill('SIGKILL')
      rmSync(file)
    }
  },
  TEST_MS_MAX,
)

test('a message that a handler rejects is a dead letter with its reason', async () => {
  const { agent } = await connect('bob')
  const stop = new AbortController()
  const failures: unknown[] = []
  const reject = () => {
    throw new Rejection('no such invoice')
  }
  const onFailure = (error: unknown) => failures.push(error)
  const working = agent.work(reject, { signal: stop.signal, onFailure })
  const messageId = await ada.send('bob', 'pay invoice 7')

  expect(await becomes(messageId, 'dead-lettered')).toMatchObject({
    reason: 'rejected: no such invoice',
  })
  stop.abort()
  await working
  expect(failures).toHaveLength(1)
})

test('any reason becomes one that can be stored', async () => {
  const { agent } = await connect('odd')
  const stop = new AbortController()
  const reject = () => {
    throw new Rejection(`\ud800a\u0000${'😀'.repeat(600)}`)
  }
  const working = agent.work(reject, { signal: stop.signal })
  const messageId = await ada.send('odd', 'pay')
  const { reason } = (await becomes(messageId, 'dead-lettered')) as { reason: string }
  expect(reason).toBe(`rejected: a${'😀'.repeat(399)}`)
  stop.abort()
  await working
})

test(
  'work that takes a while is a run that others see, and its signal says that it is lost',
  async () => {
    const { agent, secret } = await connect('slow')
    const stop = new AbortController()
    const messageId = await ada.send('slow', 'think')
    const lost: unknown[] = []
    const think = async ({ signal }: Work) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      lost.push(signal.reason)
    }
    const working = agent.work(think, { signal: stop.signal })
    const slow = async () => (await ada.peers()).find(({ name }) => name === 'slow')
    await eventually(async () => (await slow())?.openRuns === 1, { what: 'the start of the run' })

    await company.ask(secret, `/v1/inbox/${messageId}/reject`, { reason: 'settled elsewhere' })
    const ended = async () => (await slow())?.lastRun
    const run = await eventually(ended, { what: 'the end of the run' })
    expect(run).toMatchObject({ runId: messageId, outcome: 'success' })
    expect(lost).toMatchObject([{ code: 'bridge.lease-lost' }])
    stop.abort()
    await working
  },
  TEST_MS_MAX,
)

test('a message whose handler fails comes again, and the failure is told', async () => {
  const { agent, secret } = await connect('cyd')
  const stop = new AbortController()
  const attempts: (number | undefined)[] = []
  const failures: unknown[] = []
  const messageId = await ada.send('cyd', 'try')
  const failOnce = async ({ attempt }: Work) => {
    attempts.push(attempt)
    if (attempts.length > 1) return
    await company.ask(secret, `/v1/inbox/${messageId}/hold`, { body: 'main', seconds: 0 })
    throw new Error('not now')
  }
  const onFailure = (error: unknown) => failures.push(error)
  const working = agent.work(failOnce, { signal: stop.signal, onFailure })

  await becomes(messageId, 'acknowledged')
  stop.abort()
  await working
  expect(attempts).toEqual([1, 2])
  expect(failures).toMatchObject([{ message: 'not now' }])
})

test('as many messages as were asked for are worked on at once, and no more', async () => {
  const { agent } = await connect('dan')
  const stop = new AbortController()
  const sent: string[] = []
  for (let index = 0; index < 9; index += 1) sent.push(await ada.send('dan', `job ${index}`))
  let [now, most] = [0, 0]
  const open: (() => void)[] = []
  const handler = async () => {
    now += 1
    most = Math.max(most, now)
    if (most < 3) await new Promise<void>((resolve) => open.push(resolve))
    else for (const go of open.splice(0)) go()
    now -= 1
  }
  const working = agent.work(handler, { signal: stop.signal, concurrency: 3 })
  await Promise.all(sent.map((messageId) => becomes(messageId, 'acknowledged')))
  stop.abort()
  await working
  expect(most).toBe(3)
})

test('what each body of an agent replies is sent', async () => {
  const { secret } = await company.join('two')
  const stop = new AbortController()
  const bodies = ['laptop', 'server']
  // So that both know it, the message comes after them.
  for (const body of bodies) await company.ask(secret, '/v1/inbox/receive', { body })
  await ada.send('two', 'where are you?')
  let begun = 0
  let bothBegun: () => void = () => undefined
  const both = new Promise<void>((resolve) => (bothBegun = resolve))
  const working = bodies.map(async (body) => {
    const agent = await connectAgent({ url: company.url, token: secret, body })
    await agent.work(
      async ({ reply }) => {
        begun += 1
        if (begun === 2) bothBegun()
        await both
        await reply(`on the ${body}`)
      },
      { signal: stop.signal },
    )
  })
  const replies = async () =>
    (await textsOf(company, adaToken)).filter((text) => text.startsWith('on the ')).sort()
  const sent = async () => ((await replies()).length === 2 ? replies() : undefined)
  await eventually(sent, { what: 'both replies' })
  expect(await replies()).toEqual(['on the laptop', 'on the server'])
  stop.abort()
  await Promise.all(working)
})

test('work that has begun is finished before it ends', async () => {
  const { agent } = await connect('eve')
  const stop = new AbortController()
  const messageId = await ada.send('eve', 'last')
  await agent.work(
    async () => {
      stop.abort()
      await Promise.resolve()
    },
    { signal: stop.signal },
  )
  expect(await stateOf(company, adaToken, messageId)).toMatchObject({ status: 'acknowledged' })
})

test('work ends with its token', async () => {
  const { agent, tokenId } = await connect('fay')
  const working = agent.work(() => undefined)
  const seen = async () => (await ada.peers()).find(({ name }) => name === 'fay')?.lastSeenAt
  await eventually(seen, { what: 'the first heartbeat' })
  await company.revoke(tokenId)
  await expect(working).rejects.toMatchObject({ code: 'gateway.token-revoked' })
})

test('an agent that works is seen to be there, and tells everybody', async () => {
  const { agent } = await connect('gil')
  const stop = new AbortController()
  const working = agent.work(() => undefined, { signal: stop.signal })
  const messageId = await ada.send('gil', 'hello')
  await becomes(messageId, 'acknowledged')
  const [gil] = (await ada.peers()).filter(({ name }) => name === 'gil')
  expect(gil).toMatchObject({ presence: 'active', unread: 0 })
  const { recipients } = await agent.broadcast('I am here')
  expect(recipients).toBeGreaterThan(3)
  expect(await textsOf(company, adaToken)).toContain('I am here')
  stop.abort()
  await working
})

test.each([
  ['url', { url: 'mumega.example' }],
  ['url', { url: 'https://mumega.example/path' }],
  ['body', { body: 'My Laptop' }],
])('a bad %s is refused before anything is asked: %j', async (field, options) => {
  const connecting = connectAgent({ url: company.url, token: adaToken, ...options })
  await expect(connecting).rejects.toMatchObject({
    code: 'agent-sdk.invalid-option',
    details: { field },
  })
})

test('a token that is none, an operator’s, and a URL that is no gateway’s are told apart', async () => {
  const operator = await company.suite.operatorToken()
  await expect(connectAgent({ url: company.url, token: operator })).rejects.toMatchObject({
    code: 'agent-sdk.not-an-agent',
  })
  const unknown = connectAgent({ url: company.url, token: `mmg_agent_${'x'.repeat(43)}` })
  await expect(unknown).rejects.toMatchObject({ code: 'gateway.token-unknown' })
  await expect(ada.work(() => undefined, { concurrency: 0 })).rejects.toMatchObject({
    code: 'agent-sdk.invalid-option',
  })
})
