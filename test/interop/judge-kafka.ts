import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { SERVICES } from '@mumega/contracts/topology'
import { findKcat } from '@mumega/local/kcat'
import { eventually, startTestSuite } from '@mumega/testkit'
import { NotHere, type Finding } from './finding.ts'
import { givenAgents, sendAs } from './journey.ts'
import { judgeScram } from './judge-kafka-scram.ts'
import { fetchKafka, MECHANISMS, startBroker } from './kafka-broker.ts'
import {
  findingOf,
  firstOfEach,
  headerOf,
  messageIdOf,
  numbers,
  produce,
  recordsOf,
  SETTLE_MS_MAX,
  textsOf,
  type Ground,
  type Printed,
} from './kafka-records.ts'

const BY_HTTP = 300
const BY_KAFKA = 1_000
const KILLED_AFTER = 100
const BACK_AFTER = 200

/**
 * Messages come by HTTP and by Kafka at once while the broker is killed and started again; kcat, of
 * another client library, writes what comes by Kafka and reads what became of it all. Then the
 * bridge comes to the same broker by a password, over TLS.
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
    const ground = { suite, broker, kcat, folder, admin }
    const findings = await judgeStream(ground)
    for (const mechanism of MECHANISMS) findings.push(...(await judgeScram(ground, mechanism)))
    return findings
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
  const forged = JSON.stringify({ to: 'cyd', text: 'x', from: 'ada' })
  await produce(ground, { topic: 'mumega.inbound', lines: [...orders, forged], token: bob })
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
