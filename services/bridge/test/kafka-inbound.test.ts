import { afterAll, beforeAll, expect } from '@jest/globals'
import type { Message } from 'kafkajs'
import { eventually } from '@mumega/testkit'
import { agent, collectIntents, givenAgents, inboxOf } from './given.ts'
import { deny, givenPolicy } from './given-send-policy.ts'
import {
  inboundRecord,
  kafkaTest,
  produceInbound,
  startKafkaBridge,
  untilTexts,
  type KafkaBridge,
} from './given-kafka.ts'
import { openTokenDesk, type TokenDesk } from './given-tokens.ts'
// As the service's process has it: trace ids are made and passed on.
import '@mumega/telemetry/register'

const DEAD_LETTERS = 'mumega.dead-letters'

let side: KafkaBridge
let desk: TokenDesk
let adasToken: string
beforeAll(async () => {
  const started = await startKafkaBridge()
  if (started === undefined) return
  side = started
  desk = openTokenDesk(side.bridge.gateway)
  adasToken = desk.issue({ agent: 'ada' })
  await givenAgents(side.bridge, ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay', 'hal'])
  await givenPolicy(side.bridge, { default: 'allow', rules: [deny('ada', 'hal')] })
  await givenAgents(side.bridge, ['ada', 'bob'], 'other')
}, 60_000)
afterAll(async () => {
  await (side as KafkaBridge | undefined)?.stop()
}, 60_000)

/** A record that ada sends; `order` is its value. */
const record = (order: Record<string, unknown>, headers?: Message['headers']) =>
  inboundRecord(adasToken, order, headers)

const produce = (...messages: Message[]) => produceInbound(side, messages)

const textsOf = (name: string, count: number, tenantId?: string) =>
  untilTexts(side, agent(name, tenantId), count)

kafkaTest('the same message id of two agents is two messages', async () => {
  const headers = { 'message-id': 'the-same' }
  const bobs = { authorization: `Bearer ${desk.issue({ agent: 'bob' })}` }
  await produce(record({ to: 'fay', text: 'of ada' }, headers))
  await produce(record({ to: 'fay', text: 'of bob' }, { ...headers, ...bobs }))

  expect((await textsOf('fay', 2)).sort()).toEqual(['of ada', 'of bob'])
})

const as = (token: Parameters<TokenDesk['issue']>[0]) => ({
  authorization: `Bearer ${desk.issue(token)}`,
})

/** What must never become a message, and the reason that its dead letter gives. */
const poison = (): [code: string, message: Message][] => {
  const good = { to: 'dan', text: 'poison' }
  const past = new Date(Date.now() - 1_000).toISOString()
  return [
    ['bridge.record-invalid', { ...record(good), value: 'no JSON {' }],
    ['bridge.record-invalid', { ...record(good), value: Buffer.from([0x22, 0xff, 0x22]) }],
    ['bridge.record-invalid', { ...record(good), value: null }],
    ['bridge.record-invalid', { ...record(good), value: '' }],
    ['bridge.record-ambiguous', { ...record(good), value: '{"to":"bob","to":"dan","text":"x"}' }],
    // The same key, written in another way.
    [
      'bridge.record-ambiguous',
      { ...record(good), value: '{"to":"b","\\u0074o":"dan","text":"x"}' },
    ],
    ['bridge.record-ambiguous', { ...record(good), value: '{"to":"dan","text":"x","n":1e400}' }],
    ['bridge.record-invalid', record({ ...good, surprise: 1 })],
    ['bridge.record-invalid', record({ to: 'dan' })],
    ['bridge.record-invalid', record(good, { 'message-id': 'x'.repeat(300) })],
    ['bridge.record-invalid', record(good, { 'message-id': ['one', 'two'] })],
    ['bridge.record-invalid', record(good, { authorization: [`Bearer ${adasToken}`, 'Bearer x'] })],
    ['bridge.record-invalid', record(good, { 'mumega-path': 'a, b' })],
    ['bridge.record-too-large', record({ to: 'dan', text: 'x'.repeat(140_000) })],
    ['bridge.text-too-large', record({ to: 'dan', text: 'x'.repeat(16_385) })],
    ['bridge.record-without-token', record(good, { authorization: 'Basic abc' })],
    ['gateway.token-unknown', record(good, { authorization: 'Bearer mmg_agent_nobody' })],
    ['gateway.token-revoked', record(good, as({ agent: 'ada', refusal: 'gateway.token-revoked' }))],
    ['gateway.scope-missing', record(good, as({ agent: 'ada', refusal: 'gateway.scope-missing' }))],
    ['bridge.sender-not-an-agent', record(good, as({}))],
    ['bridge.identity-binding-mismatch', record({ ...good, from: 'bob' })],
    ['bridge.record-of-other-tenant', record({ ...good, tenantId: 'other' })],
    ['bridge.agent-not-found', record({ ...good, to: 'nobody' })],
    ['bridge.agent-not-found', record(good, as({ tenantId: 'other', agent: 'ada' }))],
    ['bridge.send-not-allowed', record({ ...good, to: 'hal' })],
    ['bridge.expired-already', record({ ...good, expiresAt: past })],
    ['bridge.invalid-time', record({ ...good, expiresAt: '2027-02-30T00:00:00.000Z' })],
    // What every object has by itself.
    ['bridge.record-without-token', { key: 'k', value: 'junk', headers: { constructor: 'x' } }],
    ['bridge.record-looped', record(good, { 'mumega-path': 'there,here' })],
  ]
}

kafkaTest(
  'what is malformed, forged, not allowed, expired or looped is a dead letter with its reason and no token',
  async () => {
    const all = poison().map(([code, message], nth) => {
      return { code, message: { ...message, headers: { ...message.headers, nth: String(nth) } } }
    })
    for (const { message } of all) await produce(message)
    await produce(record({ to: 'dan', text: 'after them' }))

    const letters = await side.stranger.waitFor(
      DEAD_LETTERS,
      all.length,
      ({ headers }) => headers['nth'] !== undefined,
    )
    const codes = new Map(
      letters.map(({ headers }) => [headers['nth'], headers['dead-letter-code']]),
    )
    expect([...codes.keys()].length).toBe(all.length)
    expect(all.map(({ code }, nth) => `${nth} ${code}`)).toEqual(
      all.map((_, nth) => `${nth} ${codes.get(String(nth)) ?? 'none'}`),
    )
    expect(letters[0]?.headers['dead-letter-origin']).toMatch(/^mumega\.inbound\/\d+\/\d+$/)
    const ambiguous = letters.find(
      ({ headers }) => headers['dead-letter-code'] === 'bridge.record-ambiguous',
    )
    expect(ambiguous?.headers['dead-letter-reason']).toContain('the key "to" stands there twice')
    expect(letters.filter(({ headers }) => 'authorization' in headers)).toEqual([])
    expect(JSON.stringify(letters)).not.toContain('mmg_agent_')
    expect(await textsOf('dan', 1)).toEqual(['after them'])
    expect(await inboxOf(side.bridge, agent('dan', 'other')).catch(() => [])).toEqual([])
  },
)

kafkaTest('a sender chooses no trace of what is put on record', async () => {
  const collected = await collectIntents(side.bridge.nats)
  const traceparent = `00-${'deadbeef'.repeat(4)}-1111111111111111-01`
  await produce(record({ to: 'cyd', text: 'traced' }, { traceparent }))

  const intent = await eventually(
    async () =>
      Promise.resolve(
        collected.intents.find(({ payload }) => (payload as { to?: string }).to === 'cyd'),
      ),
    { what: 'the intent' },
  )
  await collected.stop()
  expect(intent.traceparent ?? '').not.toContain('deadbeef')
})

kafkaTest('records of one key become messages in their order', async () => {
  const texts = Array.from({ length: 60 }, (_, nth) => String(nth))
  await produce(...texts.map((text) => record({ to: 'eve', text })))

  expect(await textsOf('eve', 60)).toEqual(texts)
})

kafkaTest('while nobody can be authenticated, records wait and none is given up', async () => {
  desk.close()
  const before = side.stranger.seen.filter(({ topic }) => topic === DEAD_LETTERS).length
  await produce(record({ to: 'ada', text: 'patient' }))
  await eventually(async () => ((await side.health()).figures['kafkaHeldUp'] ?? 0) > 0, {
    what: 'the record is held up',
  })
  const lags = Object.entries((await side.health()).figures).filter(([name]) =>
    name.startsWith('kafkaLag.'),
  )
  expect(lags.reduce((sum, [, behind]) => sum + behind, 0)).toBe(1)
  desk.open()

  expect(await textsOf('ada', 1)).toContain('patient')
  const letters = side.stranger.seen.filter(({ topic }) => topic === DEAD_LETTERS)
  expect(letters).toHaveLength(before)
})
