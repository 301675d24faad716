import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { auditAppend, type SealedEntry } from '@mumega/contracts/audit'
import { entriesSealed } from '@mumega/contracts/audit-ledger'
import { healthOf } from '@mumega/contracts/health'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { agent, connectAs, givenAgents, givenMessage, operator } from './given.ts'
import { kafkaTest, startKafkaBridge, untilOk, type KafkaBridge } from './given-kafka.ts'
import type { Seen } from './kafka-topic.ts'

const AUDIT = 'mumega.audit'
const DEAD_LETTERS = 'mumega.dead-letters'
const SECRET = 'what nobody but bob may read'

let side: KafkaBridge
let ledger: TestSuite
beforeAll(async () => {
  const started = await startKafkaBridge()
  if (started === undefined) return
  side = started
  const env = { 'audit-ledger': { LEDGER_LEASE_MS: '2000' } }
  ledger = await startTestSuite({ services: ['audit-ledger'], nats: side.bridge.nats, env })
  for (const tenantId of ['acme', 'other']) await givenAgents(side.bridge, ['ada', 'bob'], tenantId)
}, 90_000)
afterAll(async () => {
  await (ledger as TestSuite | undefined)?.stop()
  await (side as KafkaBridge | undefined)?.stop()
}, 60_000)

interface Value extends SealedEntry {
  entry: string
}

const valueOf = ({ value }: Seen) => JSON.parse(value ?? '{}') as Value

/** Accepts messages in each tenant, each an act, and gives what each is about. */
async function givenActs(count: number): Promise<string[]> {
  const targets: string[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const from = agent('ada', nth % 3 === 0 ? 'other' : 'acme')
    const fields = { to: 'bob', text: `${SECRET} ${nth}` }
    targets.push(`message:${await givenMessage(side.bridge, from, fields)}`)
  }
  return targets
}

/** The first record of each entry, once those with these targets are among them. */
async function untilRecorded(targets: readonly string[]): Promise<Seen[]> {
  return eventually(
    () => {
      const records = side.stranger.seen.filter(({ topic }) => topic === AUDIT)
      const seen = new Set(records.map(({ headers }) => headers['message-id']))
      const firsts = records.filter(({ headers: { 'message-id': id } }) => seen.delete(id))
      const found = new Set(firsts.map((record) => targetOf(record)))
      return Promise.resolve(targets.every((target) => found.has(target)) && firsts)
    },
    { what: 'a record of each act', timeoutMs: 60_000 },
  )
}

function targetOf(record: Seen): string {
  return (JSON.parse(valueOf(record).entry) as { target: string }).target
}

/** As a reader does who has nothing but the topic: by its own SHA-256, link by link. */
function verifyChains(records: readonly Seen[]): Map<string, number> {
  const heads = new Map<string, { seq: number; hash: string }>()
  for (const record of records) {
    const { entry, hash, source, id, chain, seq } = valueOf(record)
    expect(createHash('sha256').update(entry).digest('hex')).toBe(hash)
    const head = heads.get(chain) ?? { seq: 0, hash: '0'.repeat(64) }
    const prev = head.hash
    expect(JSON.parse(entry)).toMatchObject({ v: 1, source, id, chain, seq, prev })
    expect({ key: record.key, seq }).toEqual({ key: `${chain}/chain`, seq: head.seq + 1 })
    heads.set(chain, { seq, hash })
  }
  return new Map([...heads].map(([chain, { seq }]) => [chain, seq]))
}

const ledgerFigures = async () =>
  (await side.bridge.call(operator('substrate'), healthOf('audit-ledger'), {})).figures

const untilAnnounced = (count: number) =>
  eventually(
    async () => {
      const { size = 0, unannounced } = await ledgerFigures()
      return size >= count && unannounced === 0
    },
    { what: 'announcements' },
  )

const ledgerHealth = async () =>
  (await side.health()).dependencies.find(({ name }) => name === 'audit-ledger')

kafkaTest(
  'a record holds the entry of an act, which verifies by itself in the order of its chain',
  async () => {
    const records = await untilRecorded(await givenActs(120))

    const chains = verifyChains(records)
    // Of each tenant its two agents too.
    expect(chains.get('acme')).toBeGreaterThanOrEqual(82)
    expect(chains.get('other')).toBeGreaterThanOrEqual(42)
    const { source, id } = valueOf(records[0] as Seen)
    expect(records[0]?.headers).toMatchObject({
      'message-id': `${source}/${id}`,
      ce_type: 'evt.audit-ledger.v1.entries-sealed',
    })
    expect(JSON.stringify(records)).not.toContain(SECRET)
  },
  90_000,
)

kafkaTest(
  'while the ledger is killed what it announced waits, by its name, and then is there in order',
  async () => {
    const { bridge, kafka } = side
    const behind = async () => (await side.health()).figures['kafkaBehind.bridge-kafka-events'] ?? 0
    await eventually(async () => (await behind()) === 0, { what: 'nothing to wait' })
    const { size: before = 0 } = await ledgerFigures()
    await kafka.freeze()
    const targets = await givenActs(60)
    await untilAnnounced(before + targets.length)
    await ledger.kill('audit-ledger')
    await kafka.thaw()

    const { reason } = await eventually(
      async () => {
        const found = await ledgerHealth()
        return found?.status === 'failing' && found
      },
      { what: 'health to name the ledger' },
    )
    expect(reason).toContain('Sealed entries wait')
    expect((await side.health()).status).toBe('ok')
    targets.push(...(await givenActs(30)))
    await givenAgents(bridge, ['cyd'])

    await ledger.restart('audit-ledger')

    verifyChains(await untilRecorded(targets))
    await side.stranger.waitFor('mumega.events', 1, ({ key }) => key === 'acme/cyd')
    await untilOk(side)
    expect((await ledgerHealth())?.status).toBe('ok')
  },
  150_000,
)

kafkaTest(
  'entries that do not fit into one answer of the ledger are all in the topic',
  async () => {
    const { size: before = 0 } = await ledgerFigures()
    // Held, so that they are asked for together.
    await side.kafka.freeze()
    const targets = Array.from({ length: 300 }, (_, nth) => `deal:${'漢'.repeat(280)}${nth}`)
    for (let at = 0; at < targets.length; at += 60) {
      const intents = targets.slice(at, at + 60).map((target, nth) => ({
        id: randomUUID(),
        number: at + nth + 1,
        chain: 'acme',
        time: '2026-11-21T08:00:00.000Z',
        actor: { id: `agent:${'漢'.repeat(190)}`, kind: 'agent' as const },
        action: 'deal.moved',
        target,
        phase: 'fact' as const,
        payload: { secret: SECRET },
      }))
      const append = auditAppend('gateway')
      await side.bridge.gateway.publish(append, { intents }, { messageId: randomUUID() })
    }
    await untilAnnounced(before + targets.length)
    await side.kafka.thaw()

    verifyChains(await untilRecorded(targets))
  },
  90_000,
)

kafkaTest(
  'what is not in the log as it was announced is a dead letter, and holds up nothing',
  async () => {
    const known = await untilRecorded(await givenActs(4))
    const { entry: _entry, ...genuine } = valueOf(known.at(-1) as Seen)
    const forged: [why: RegExp, SealedEntry][] = [
      [/hash/, { ...genuine, hash: '1'.repeat(64) }],
      [/hash/, { ...genuine, index: genuine.index - 1 }],
      [/no entry/, { ...genuine, index: genuine.index + 1_000_000 }],
      [/"chain"/, { ...genuine, chain: 'zenith' }],
      [/"source"/, { ...genuine, source: 'gateway' }],
      [/"id"/, { ...genuine, id: randomUUID() }],
      [/"seq"/, { ...genuine, seq: genuine.seq + 1 }],
    ]
    const before = side.stranger.seen.filter(({ topic }) => topic === AUDIT).length
    const forger = await connectAs(side.bridge.nats, 'audit-ledger')
    const entries = [...forged.map(([, one]) => one), genuine]
    await forger.publish(entriesSealed, { entries }, { messageId: randomUUID() })
    await forger.drain()

    const letters = await side.stranger.waitFor(DEAD_LETTERS, forged.length)
    const records = await untilRecorded(await givenActs(4))

    expect(letters).toHaveLength(forged.length)
    for (const [why, one] of forged) {
      // As it was announced, and without any entry.
      const { headers = {} } = letters.find(({ value }) => value === JSON.stringify(one)) ?? {}
      expect(headers['dead-letter-code']).toBe('bridge.record-mismatch')
      expect(headers['dead-letter-reason']).toMatch(why)
      expect(headers['dead-letter-origin']).toMatch(/^EVENTS\/[0-9]+$/)
    }
    const after = side.stranger.seen.filter(({ topic }) => topic === AUDIT).slice(before)
    expect(valueOf(after[0] as Seen)).toMatchObject(genuine)
    verifyChains(records)
    expect((await side.health()).figures).toMatchObject({ kafkaDeadLetters: forged.length })
  },
  90_000,
)
