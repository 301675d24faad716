import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import { connectAgent } from '@mumega/agent-sdk'
import { eventually } from '@mumega/testkit'
import { startLoopbackServer, type LoopbackServer } from '@mumega/testkit/loopback-server'
import { openMemory } from '../src/journal.ts'
import { openRate } from '../src/rate.ts'
import { workOn, type Handler, type WorkOptions } from '../src/work.ts'
import { givenTime } from './given-time.ts'

const TOKEN = `mmg_agent_${'A'.repeat(43)}`

interface Answer {
  status?: number
  headers?: Record<string, string>
  /** JSON, unless it is a text. */
  body: unknown
}
/** The answer to the nth request of this line. Undefined: none for ever. */
type Routes = (line: string, nth: number) => Answer | undefined

const servers: LoopbackServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** Something that answers what it likes where a gateway should be, and to one line nothing. */
async function givenAnswers(routes: Routes, silent?: string) {
  const seen: string[] = []
  const server = await startLoopbackServer(async (request, response) => {
    const line = `${request.method} ${request.url}`
    seen.push(line)
    request.resume()
    if (line === silent) return
    const answer = answerOf(line) ?? routes(line, seen.filter((one) => one === line).length)
    if (answer === undefined) return
    const { status = 200, headers, body } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
    await Promise.resolve()
  })
  servers.push(server)
  return { url: server.url, count: (part: string) => seen.filter((l) => l.includes(part)).length }
}

/** To what every agent asks. */
function answerOf(line: string): Answer | undefined {
  const at = '2026-01-01T00:00:00.000Z'
  if (line === 'GET /v1/whoami') return { body: { tenantId: 'acme', agent: 'ada' } }
  if (line === 'POST /v1/heartbeats') return { body: { agent: 'ada', lastSeenAt: at } }
  const [, messageId, call] = /inbox\/([^/]+)\/(ack)$/.exec(line) ?? []
  return call === undefined ? undefined : { body: { messageId, acknowledgedAt: at } }
}

const messages = (count: number, leaseUntil: string): Answer => {
  const one = (_: unknown, index: number) => ({
    ...{ position: index + 1, messageId: randomUUID(), from: 'bob', kind: 'send', text: 'work' },
    ...{ contentType: 'text/plain', sentAt: leaseUntil, attempt: 1, leaseUntil },
  })
  return { body: { messages: Array.from({ length: count }, one), more: false } }
}
const NONE: Answer = { body: { messages: [], more: false } }
const LONG_AGO = '1970-01-01T00:00:00.000Z'

/** Begins to work; ends when the signal is aborted. */
function begin(url: string, handler: Handler, options: WorkOptions = {}) {
  const { time, pass, pauses } = givenTime()
  const stop = new AbortController()
  const gateway = { url, token: TOKEN, time, rate: openRate(time), isKnown: true }
  const journal = openMemory()
  const worker = { gateway, body: 'main', journal }
  const working = workOn(worker, handler, { signal: stop.signal, ...options })
  return { working, stop, pass, pauses, journal }
}

test('answers without messages that come at once are asked for ever later', async () => {
  const { url, count } = await givenAnswers(() => NONE)
  const { working, stop, pass, pauses } = begin(url, () => undefined)
  const rests: number[] = []
  for (let nth = 1; nth <= 8; nth += 1) {
    const rest = await eventually(() => Promise.resolve(pauses()[0]), { what: 'a rest' })
    expect(count('/receive')).toBe(nth)
    rests.push(rest)
    await pass(rest)
  }
  stop.abort()
  await working
  expect(Math.min(...rests)).toBeGreaterThanOrEqual(125)
  expect(rests.at(-1)).toBeGreaterThan(10_000)
})

test('no more messages are worked on at once than was said, however many come', async () => {
  const { url, count } = await givenAnswers((_line, nth) =>
    nth === 1 ? messages(20, LONG_AGO) : undefined,
  )
  let [now, most] = [0, 0]
  const handler = async () => {
    now += 1
    most = Math.max(most, now)
    await new Promise((resolve) => setImmediate(resolve))
    now -= 1
  }
  const { working, stop } = begin(url, handler, { concurrency: 2 })
  await eventually(() => Promise.resolve(count('/ack') === 2), { what: 'both acknowledgements' })
  stop.abort()
  await working
  expect(most).toBe(2)
})

test.each([LONG_AGO, '9999-12-31T23:59:59.999Z'])(
  'a gateway whose clock says %s is asked to hold a message no sooner than another',
  async (leaseUntil) => {
    const { url, count } = await givenAnswers((line, nth) => {
      if (line.includes('/hold')) return { body: { messageId: randomUUID(), leaseUntil } }
      return nth === 1 ? messages(1, leaseUntil) : undefined
    })
    const states: boolean[] = []
    let finish: (() => void) | undefined
    const { working, stop, pass } = begin(url, async ({ signal }) => {
      await new Promise<void>((resolve) => (finish = resolve))
      states.push(signal.aborted)
    })
    await eventually(() => Promise.resolve(finish !== undefined), { what: 'the work to begin' })
    await pass(11_000)
    expect(count('/hold')).toBe(0)
    await pass(4_000)
    await eventually(() => Promise.resolve(count('/hold') === 1), { what: 'the first hold' })
    await pass(40_000)
    expect(count('/hold')).toBe(1)
    stop.abort()
    finish?.()
    await working
    expect(states).toEqual([false])
  },
)

test('work that is done is in the journal while nobody takes the report on it', async () => {
  const heartbeat = 'POST /v1/heartbeats'
  const first = (_line: string, nth: number) => (nth === 1 ? messages(1, LONG_AGO) : undefined)
  const { url, count } = await givenAnswers(first, heartbeat)
  let done = ''
  let finish: (() => void) | undefined
  const handler: Handler = async ({ messageId }) => {
    await new Promise<void>((resolve) => (finish = resolve))
    done = messageId
  }
  const { stop, pass, journal } = begin(url, handler)
  await eventually(() => Promise.resolve(finish !== undefined), { what: 'the work to begin' })
  await pass(6_000)
  await eventually(() => Promise.resolve(count(heartbeat) > 0), { what: 'the report to begin' })
  finish?.()
  const isKept = () => Promise.resolve(done !== '' && journal.has(done))
  await eventually(isKept, { what: 'the message in the journal' })
  expect(count('/ack')).toBe(0)
  stop.abort()
})

test('what a proxy says before a gateway that is away does not end the work', async () => {
  const pages: Answer[] = [
    { status: 404, body: 'default backend - 404' },
    { status: 404, body: { message: 'no route matched' } },
    { status: 200, body: '<html>back soon</html>' },
    { status: 403, body: '<html>' },
    { status: 502, body: '<html>' },
    messages(1, LONG_AGO),
  ]
  const { url, count } = await givenAnswers((_line, nth) => pages[nth - 1])
  const { working, stop, pass } = begin(url, () => undefined)
  const isDone = async () => {
    await pass(60_000)
    return count('/ack') === 1
  }
  await eventually(isDone, { what: 'the acknowledgement' })
  stop.abort()
  await working
})

test('a wait for a gateway that says to come tomorrow is short, and ends with the work', async () => {
  const headers = { 'retry-after': '86400' }
  const { url } = await givenAnswers(() => ({ status: 503, headers, body: {} }))
  const { working, stop, pauses } = begin(url, () => undefined)
  const rest = await eventually(() => Promise.resolve(pauses()[0]), { what: 'a rest' })
  expect(rest).toBe(30_000)
  stop.abort()
  await working
})

test('what onFailure throws ends the work, when what has begun is finished', async () => {
  const { url } = await givenAnswers((_line, nth) =>
    nth === 1 ? messages(2, LONG_AGO) : undefined,
  )
  let finished = 0
  const handler = async () => {
    finished += 1
    await Promise.resolve()
    throw new Error('from the handler')
  }
  const onFailure = () => {
    throw new Error('from onFailure')
  }
  const { working } = begin(url, handler, { concurrency: 2, onFailure })
  await expect(working).rejects.toThrow('from onFailure')
  expect(finished).toBe(2)
})

test('a list of agents that does not advance, or has no end, is a bad answer', async () => {
  const page = (next: string) => ({ body: { agents: [], next } })
  const still = await givenAnswers(() => page('bob'))
  const peers = async (url: string) => (await connectAgent({ url, token: TOKEN })).peers()
  await expect(peers(still.url)).rejects.toMatchObject({ code: 'agent-sdk.bad-answer' })
  expect(still.count('/v1/peers')).toBe(2)

  const endless = await givenAnswers((line) =>
    page(`a${Number(/after=a(\d+)/.exec(line)?.[1] ?? 0) + 1}`),
  )
  await expect(peers(endless.url)).rejects.toMatchObject({ code: 'agent-sdk.bad-answer' })
  expect(endless.count('/v1/peers')).toBe(100)
})

test('a token that no header can hold is refused, and not told', async () => {
  const { url, count } = await givenAnswers(() => undefined)
  const connecting = connectAgent({ url, token: 'mmg_agent_SECRET\nSECRET' })
  const thrown: unknown = await connecting.catch((error: unknown) => error)
  expect(thrown).toMatchObject({
    code: 'agent-sdk.invalid-option',
    details: { field: 'token' },
  })
  expect(inspect(thrown, { depth: 9 })).not.toContain('SECRET')
  expect(count('/')).toBe(0)
})
