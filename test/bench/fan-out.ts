import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import type { Bench, Figure } from './figures.ts'
import { startGround } from './ground.ts'
import type { PlainReady } from './plain-sse.ts'

const AGENTS = 1_000
const MESSAGES = 10
const AT_ONCE = 16
const TEXT = 'A message of an ordinary length. '.repeat(16)

/** A server whose readers each hold one stream open. */
interface Side {
  pid: number
  /** Of each reader: its token, where there is one. */
  tokens: readonly (string | undefined)[]
  url: string
  /** Sends one message to all of them. */
  send(text: string): Promise<void>
}

interface Measured {
  /** Of the server's resident memory, that came with each stream. */
  kibPerAgent: number
  /** From the first message until the last reader has the last one. */
  deliverMs: number
}

/**
 * 1,000 agents of one tenant, each with a stream of its inbox open, and ten broadcasts: durable,
 * audited, in order and each delivered once. Beside it the same number of streams of a plain server
 * that writes what it is given.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({
      services: ['audit-ledger', 'bridge', 'gateway'],
      env: { gateway: { MUMEGA_ELEVATED_RATE_LIMIT_PER_MINUTE: '1000000' } },
      onLine: log,
    })
    const plain = fork(fileURLToPath(new URL('./plain-sse.js', import.meta.url)))
    try {
      const ours = await measure(await givenAgents(suite), log)
      const peer = await measure(await plainSide(plain), log)
      log(JSON.stringify({ ours, peer }))
      return figuresOf(ours, peer)
    } finally {
      plain.disconnect()
      await suite.stop()
      await ground.stop()
    }
  },
}

function figuresOf(ours: Measured, peer: Measured): Figure[] {
  const about = { bench: 'fan-out', variant: `${AGENTS}x${MESSAGES}`, against: 'plain-sse' }
  return [
    {
      ...about,
      figure: 'memory_per_agent',
      unit: 'KiB',
      value: ours.kibPerAgent,
      againstValue: peer.kibPerAgent,
    },
    {
      ...about,
      figure: 'deliveries_per_s',
      unit: '1/s',
      value: (AGENTS * MESSAGES * 1_000) / ours.deliverMs,
      againstValue: (AGENTS * MESSAGES * 1_000) / peer.deliverMs,
    },
  ]
}

/** Throws where a reader has not got each message once, in order. */
async function measure(side: Side, log: (line: string) => void): Promise<Measured> {
  const agent = new Agent({ maxSockets: Infinity })
  const readers: Reader[] = []
  const beforeKib = residentKib(side.pid)
  try {
    await forEach(side.tokens, async (token) => {
      readers.push(await openReader({ url: side.url, token, agent }))
    })
    const openKib = residentKib(side.pid)
    const texts = Array.from({ length: MESSAGES }, (_, nth) => `${nth} ${TEXT}`)
    const started = performance.now()
    for (const text of texts) await side.send(text)
    await eventually(
      async () => Promise.resolve(readers.every(({ texts: got }) => got.length >= MESSAGES)),
      { what: 'all to have all', timeoutMs: 120_000 },
    )
    const deliverMs = performance.now() - started
    const wrong = readers.filter(({ texts: got }) => got.join('\n') !== texts.join('\n'))
    if (wrong.length > 0) throw new Error(`${wrong.length} readers have not each message once`)
    log(`memory: ${beforeKib} KiB before, ${openKib} with ${AGENTS} streams`)
    log(`and ${residentKib(side.pid)} KiB after ${MESSAGES} messages to each`)
    return { kibPerAgent: (residentKib(side.pid) - beforeKib) / AGENTS, deliverMs }
  } finally {
    for (const reader of readers) reader.close()
    agent.destroy()
  }
}

interface Reader {
  readonly texts: string[]
  close(): void
}

async function openReader(order: {
  url: string
  token: string | undefined
  agent: Agent
}): Promise<Reader> {
  const { url, token, agent } = order
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent, headers }, resolve).once('error', reject)
  })
  if (response.statusCode !== 200) throw new Error(`a stream was answered ${response.statusCode}`)
  const texts: string[] = []
  let rest = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const events = (rest + chunk).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data !== undefined) texts.push((JSON.parse(data) as { text: string }).text)
    }
  })
  return { texts, close: () => response.destroy() }
}

/** A tenant with its agents, and one more that sends. */
async function givenAgents(suite: TestSuite): Promise<Side> {
  const operator = await suite.operatorToken()
  const post = async (token: string, path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${suite.gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(await response.text())
    return response.json()
  }
  const join = async (name: string) => {
    const body = { name, rateClass: 'elevated' }
    const joined = await post(operator, '/v1/tenants/acme/agents', body)
    return (joined as { token: { secret: string } }).token.secret
  }
  await post(operator, '/v1/tenants', { tenantId: 'acme', name: 'Acme' })
  const sender = await join('sender')
  const tokens: string[] = []
  const names = Array.from({ length: AGENTS }, (_, nth) => `agent-${nth + 1}`)
  await forEach(names, async (name) => {
    tokens.push(await join(name))
  })
  // What making them took is no memory of their streams.
  await suite.kill('gateway')
  await suite.restart('gateway')
  return {
    pid: suite.pid('gateway'),
    tokens,
    url: `${suite.gatewayUrl}/v1/inbox/stream`,
    async send(text) {
      await post(sender, '/v1/broadcasts', { text })
    },
  }
}

async function plainSide(plain: ChildProcess): Promise<Side> {
  const { url } = await new Promise<PlainReady>((resolve, reject) => {
    plain.once('message', (message) => resolve(message as PlainReady))
    plain.once('exit', (code) => reject(new Error(`the plain server ended with ${code}`)))
  })
  return {
    pid: plain.pid ?? 0,
    tokens: Array.from({ length: AGENTS }, () => undefined),
    url,
    async send(text) {
      await fetch(url, { method: 'POST', body: JSON.stringify({ text }) })
    },
  }
}

async function forEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const queue = all.values()
  const worker = async () => {
    for (const one of queue) await work(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Of a process of this machine, as Linux counts it. */
function residentKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
}
