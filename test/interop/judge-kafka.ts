import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { findKcat, type Kcat } from '@mumega/local/kcat'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { NotHere, type Finding } from './finding.ts'
import { givenAgents, sendAs } from './journey.ts'
import { fetchKafka, kafkaVersion, startBroker, type Broker } from './kafka-broker.ts'
import { runCommand } from './run-command.ts'

const BY_HTTP = 300
const BY_KAFKA = 1_000
const KILLED_AFTER = 100
const BACK_AFTER = 200
const SETTLE_MS_MAX = 120_000

interface Ground {
  suite: TestSuite
  broker: Broker
  kcat: Kcat
  folder: string
  admin: Client
}

/** A record as kcat prints it. */
interface Printed {
  key: string
  headers: string[]
  payload: string
}

/**
 * Messages come by HTTP and by Kafka at once while the broker is killed and started again; kcat, of
 * another client library, writes what comes by Kafka and reads what became of it all.
 */
export async function judgeKafka(): Promise<Finding[]> {
  const jars = await fetchKafka()
  const kcat = await findKcat()
  if ('reason' in kcat) throw new NotHere(kcat.reason)
  const folder = mkdtempSync(join(tmpdir(), 'mumega-kcat-'))
  const broker = await startBroker(jars)
  const env = { bridge: { KAFKA_BROKERS: broker.brokers } }
  const suite = await startTestSuite({ services: SERVICES, env }).catch(async (error: unknown) => {
    await broker.stop()
    throw error
  })
  const admin = new Client({ connectionString: suite.database.adminUrl })
  try {
    await admin.connect()
    return await judgeStream({ suite, broker, kcat, folder, admin })
  } finally {
    await admin.end()
    await suite.stop()
    await broker.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function judgeStream(ground: Ground): Promise<Finding[]> {
  const { suite, broker } = ground
  const { tenantId, tokens } = await givenAgents(suite, ['ada', 'bob', 'cyd'])
  const [ada = '', bob = ''] = tokens
  const orders = numbers(BY_KAFKA).map((text) => JSON.stringify({ to: 'cyd', text }))
  await produce(ground, [...orders, JSON.stringify({ to: 'cyd', text: 'x', from: 'ada' })], bob)
  const sent: string[] = []
  let takenAtKill = 0
  for (let nth = 0; nth < BY_HTTP; nth += 1) {
    if (nth === KILLED_AFTER) {
      await broker.kill()
      takenAtKill = (await textsOf(ground, tenantId, 'cyd')).length
    }
    if (nth === BACK_AFTER) await broker.start()
    sent.push(await sendAs(suite, ada, { to: 'bob', text: String(nth) }))
  }
  const taken = await eventually(
    async () => {
      const texts = await textsOf(ground, tenantId, 'cyd')
      return texts.length >= BY_KAFKA && texts
    },
    { what: 'every record is a message', timeoutMs: SETTLE_MS_MAX },
  )
  return [
    findingOf(
      'records taken while the broker was killed: each one message, in order',
      String(taken) === String(numbers(BY_KAFKA)),
      `${taken.length} of ${BY_KAFKA}, ${takenAtKill} when it was killed`,
    ),
    ...(await judgeTopics(ground, { tenantId, sent })),
  ]
}

async function judgeTopics(
  ground: Ground,
  { tenantId, sent }: { tenantId: string; sent: readonly string[] },
): Promise<Finding[]> {
  const all = BY_HTTP + BY_KAFKA
  const messages = await recordsOf(ground, 'mumega.messages', all)
  const unique = firstOfEach(messages)
  const adas = unique.filter(({ key }) => key === `${tenantId}/ada`).map(messageIdOf)
  const bobs = unique.filter(({ key }) => key === `${tenantId}/bob`)
  const audit = await recordsOf(ground, 'mumega.audit', all)
  const entries = new Set(audit.map(messageIdOf))
  const broken = findBroken(firstOfEach(audit))
  const sealed = unique.filter((record) => entries.has(`bridge/${messageIdOf(record)}`))
  const [letter] = await recordsOf(ground, 'mumega.dead-letters', 1)
  const code = letter === undefined ? '' : headerOf(letter, 'dead-letter-code')
  return [
    findingOf(
      'messages forwarded while the broker was killed: none lost, none unknown, in order',
      String(adas) === String(sent) && bobs.length === BY_KAFKA,
      `${unique.length} of ${all}, ${messages.length - unique.length} of them twice in the topic`,
    ),
    findingOf(
      'the sealed entry of each of them is in its topic',
      sealed.length === all,
      `${sealed.length} of ${all}`,
    ),
    findingOf(
      'each of those records holds its entry, which verifies link by link from the topic alone',
      broken === undefined,
      broken ?? `${entries.size} entries`,
    ),
    findingOf(
      'a forged sender is a dead letter without its token',
      code === 'bridge.identity-binding-mismatch' && !JSON.stringify(letter).includes('mmg_'),
      code,
    ),
  ]
}

/** The first entry that is not of its hash, or not the next of its chain. */
function findBroken(records: readonly Printed[]): string | undefined {
  const heads = new Map<string, string>()
  const broken = records.find(({ payload }) => {
    const { entry, hash, chain } = JSON.parse(payload) as Record<string, string>
    const { prev } = JSON.parse(entry ?? '{}') as Record<string, unknown>
    const head = heads.get(chain ?? '') ?? '0'.repeat(64)
    heads.set(chain ?? '', hash ?? '')
    return prev !== head || sha256(entry ?? '') !== hash
  })
  return broken && messageIdOf(broken)
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, nth) => String(nth))
}

async function textsOf({ admin }: Ground, tenantId: string, agent: string): Promise<string[]> {
  const { rows } = await admin.query<{ text: string }>(
    `select text from bridge.deliveries join bridge.messages using (tenant_id, message_id)
      where tenant_id = $1 and recipient = $2 order by position`,
    [tenantId, agent],
  )
  return rows.map(({ text }) => text)
}

/** Writes one record for each line, all with one key. */
async function produce(ground: Ground, lines: readonly string[], token: string): Promise<void> {
  const { broker, kcat, folder } = ground
  const file = join(folder, 'records')
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  const to = ['-P', '-b', broker.brokers, '-t', 'mumega.inbound', '-k', 'one-key']
  const words = [...to, '-X', 'enable.idempotence=true', '-H', `authorization=Bearer ${token}`]
  const { path, env } = kcat
  const { code, output } = await runCommand(path, [...words, '-l', file], {
    env,
    timeoutMs: 60_000,
  })
  if (code !== 0) throw new Error(`kcat -P: ${output}`)
}

/** All records of a topic, when there are so many of different message ids. */
async function recordsOf(ground: Ground, topic: string, count: number): Promise<Printed[]> {
  const { path, env } = ground.kcat
  const words = [
    '-C',
    '-b',
    ground.broker.brokers,
    '-t',
    topic,
    '-o',
    'beginning',
    '-e',
    '-q',
    '-J',
  ]
  let found: Printed[] = []
  await eventually(
    async () => {
      const { output } = await runCommand(path, words, { env, timeoutMs: 30_000, whole: true })
      const lines = output.split('\n').filter((line) => line.startsWith('{'))
      found = lines.map((line) => JSON.parse(line) as Printed)
      return firstOfEach(found).length >= count
    },
    { what: `${count} records in ${topic}`, timeoutMs: SETTLE_MS_MAX },
  ).catch(() => undefined)
  return found
}

/** What a reader keeps who drops the message ids that it has had. */
function firstOfEach(records: readonly Printed[]): Printed[] {
  const byId = new Map<string, Printed>()
  for (const record of records) {
    if (!byId.has(messageIdOf(record))) byId.set(messageIdOf(record), record)
  }
  return [...byId.values()]
}

function messageIdOf(record: Printed): string {
  return headerOf(record, 'message-id')
}

function headerOf({ headers }: Printed, name: string): string {
  return headers[headers.indexOf(name) + 1] ?? ''
}

function findingOf(checked: string, isPassed: boolean, reason: string): Finding {
  const result = isPassed ? 'passed' : 'failed'
  return { tool: 'Kafka', version: kafkaVersion(), checked, result, reason }
}
