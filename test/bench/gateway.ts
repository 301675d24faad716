import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { Client } from 'pg'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import type { Bench, Figure } from './figures.ts'
import { startGround } from './ground.ts'
import type { PlainOrder, PlainReady } from './plain-fastify.ts'

const RECIPIENTS = Array.from({ length: 16 }, (_, index) => `agent-${index + 1}`)
const TEXT = 'A message of an ordinary length. '.repeat(16)
const CONNECTIONS = 32
const POOL_MAX = 10
const WARM_UP_SECONDS = 4
const SECONDS = 12
// Well below what either side can do on two cores.
const QUIET_RATE = 100

interface Target {
  url: string
  headers: Record<string, string>
}

interface Load {
  seconds: number
  connections: number
  /** Requests a second, where not as many as possible. */
  rate?: number
}

interface Measured {
  perSecond: number
  p50: number
  p99: number
}

/**
 * Sending a message through HTTP, authenticated, once, durable, audited and on its way to the
 * ledger, beside a plain Fastify process that inserts the same rows. Every service runs on this
 * machine with the load.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const suite = await startTestSuite({
      services: ['audit-ledger', 'bridge', 'gateway'],
      env: {
        gateway: { MUMEGA_RATE_LIMIT_PER_MINUTE: '100000000' },
        bridge: { BRIDGE_INBOX_UNREAD_MAX: '10000000' },
      },
      onLine: log,
    })
    let plain: ChildProcess | undefined
    try {
      const gateway = await givenSender(suite)
      await givenPlainTables(suite.database.adminUrl)
      const started = await startPlain({ databaseUrl: suite.database.adminUrl, poolMax: POOL_MAX })
      plain = started.process
      return await compare(gateway, started.target, log)
    } finally {
      plain?.disconnect()
      await suite.stop()
      await ground.stop()
    }
  },
}

async function compare(
  gateway: Target,
  plain: Target,
  log: (line: string) => void,
): Promise<Figure[]> {
  const warmUp = { seconds: WARM_UP_SECONDS, connections: CONNECTIONS }
  await measure(plain, warmUp)
  await measure(gateway, warmUp)
  const figures: Figure[] = []
  const loads = {
    busy: { seconds: SECONDS, connections: CONNECTIONS },
    quiet: { seconds: SECONDS, connections: 8, rate: QUIET_RATE },
  }
  for (const [variant, load] of Object.entries(loads)) {
    // Before and after, as the machine's speed changes from minute to minute.
    const before = await measure(plain, load)
    const ours = await measure(gateway, load)
    const after = await measure(plain, load)
    log(`${variant}: ${JSON.stringify({ before, ours, after })}`)
    const add = (figure: string, unit: string, of: (measured: Measured) => number) => {
      const againstValue = (of(before) + of(after)) / 2
      const value = of(ours)
      figures.push({
        bench: 'gateway',
        figure,
        value,
        unit,
        variant,
        against: 'fastify',
        againstValue,
      })
    }
    if (variant === 'busy') add('requests_per_s', '1/s', ({ perSecond }) => perSecond)
    add('latency_p50', 'ms', ({ p50 }) => p50)
    add('latency_p99', 'ms', ({ p99 }) => p99)
  }
  return figures
}

/**
 * Loads one target. Throws when a single request was not accepted: a refusal is fast and proves
 * nothing.
 */
async function measure(target: Target, { seconds, connections, rate }: Load): Promise<Measured> {
  let nth = 0
  const result = await autocannon({
    url: target.url,
    connections,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: rate }),
    setupClient: (client) => {
      client.setRequests(requests(target, nth))
      nth += 1
    },
  })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${failed} requests to ${target.url} were not accepted`)
  const { p50, p99 } = result.latency
  return { perSecond: result['2xx'] / result.duration, p50, p99 }
}

/**
 * One message to each recipient in turn. Each connection begins with another one: all in step would
 * wait for one inbox, whose places are given away one after the other, and leave the rest idle.
 */
function requests({ headers }: Target, nth: number): autocannon.Request[] {
  const from = nth % RECIPIENTS.length
  return [...RECIPIENTS.slice(from), ...RECIPIENTS.slice(0, from)].map((to) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ to, text: TEXT }),
  }))
}

/** A tenant with its agents, and what its sender calls. */
async function givenSender(suite: TestSuite): Promise<Target> {
  const operator = await suite.operatorToken()
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(`${suite.gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${operator}` },
      body: JSON.stringify(body),
    })
    if (response.status !== 201) throw new Error(await response.text())
    return response.json()
  }
  await post('/v1/tenants', { tenantId: 'acme', name: 'Acme' })
  for (const name of RECIPIENTS) await post('/v1/tenants/acme/agents', { name })
  const sender = (await post('/v1/tenants/acme/agents', { name: 'sender' })) as {
    token: { secret: string }
  }
  return {
    url: `${suite.gatewayUrl}/v1/messages`,
    headers: { authorization: `Bearer ${sender.token.secret}` },
  }
}

/**
 * The bridge's tables with their columns, checks and indexes, and without triggers, policies and
 * references.
 */
async function givenPlainTables(adminUrl: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl })
  await client.connect()
  await client.query('create schema plain')
  for (const table of ['messages', 'deliveries', 'inboxes', 'outbox', 'processed_requests']) {
    await client.query(`create table plain.${table} (like bridge.${table} including all)`)
  }
  await client.query('insert into plain.inboxes select * from bridge.inboxes')
  await client.end()
}

async function startPlain(order: PlainOrder): Promise<{ process: ChildProcess; target: Target }> {
  const process = fork(fileURLToPath(new URL('./plain-fastify.js', import.meta.url)))
  const ready = await new Promise<PlainReady>((resolve, reject) => {
    process.once('message', (message) => resolve(message as PlainReady))
    process.once('exit', (code) => reject(new Error(`plain Fastify ended with ${code}`)))
    process.send(order)
  })
  return { process, target: { url: ready.url, headers: {} } }
}
