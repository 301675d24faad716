import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { jetstream } from '@nats-io/jetstream'
import type { Bus } from '@mumega/bus'
import { auditAppend, type AuditIntents } from '@mumega/contracts/audit'
import { deadLettered, listDeadLetters, replayDeadLetter } from '@mumega/contracts/dead-letters'
import type { PayloadOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { agent, connectAs, operator, refusal, startTestBridge, type TestBridge } from './given.ts'

const substrate = operator('substrate')

let bridge: TestBridge
/**
 * Stands where the audit-ledger stands, with the bus's own consumer and its own way of giving up.
 */
let ledger: Bus
const taken: AuditIntents['intents'] = []
let isBroken = false
beforeAll(async () => {
  bridge = await startTestBridge()
  ledger = await connectAs(bridge.nats, 'audit-ledger')
  await ledger.consume(auditAppend('gateway'), 'audit-ledger', async ({ intents }) => {
    if (isBroken) throw new Error('broken')
    taken.push(...intents)
    await Promise.resolve()
  })
})
afterAll(async () => {
  await ledger.drain()
  await bridge.stop()
})

const list = (request: { limit: number; before?: string } = { limit: 200 }) =>
  bridge.call(substrate, listDeadLetters, request)

const replay = (deadLetterId: string, requestId: string = randomUUID()) =>
  bridge.call(substrate, replayDeadLetter, { requestId, deadLetterId })

/** An intent that the consumer can take, and that nobody else sends. */
function intentText(id: string): string {
  const intent = {
    id,
    number: 1,
    chain: 'acme',
    time: new Date().toISOString(),
    actor: { id: 'service:gateway', kind: 'service' },
    action: 'thing.done',
    target: 'thing:1',
    phase: 'fact',
    payload: {},
  }
  return JSON.stringify({ intents: [intent] })
}

function letterOf(body: string, fields: object = {}): PayloadOf<ReturnType<typeof deadLettered>> {
  return {
    deadLetterId: randomUUID(),
    service: 'audit-ledger',
    consumer: 'audit-ledger',
    subject: 'aud.gateway.v1.append',
    headers: { 'Nats-Msg-Id': 'x' },
    body: Buffer.from(body).toString('base64'),
    reason: 'db.unavailable: The database cannot be reached; try again.',
    deliveries: 10,
    occurredAt: new Date().toISOString(),
    ...fields,
  }
}

async function givenLetter(letter = letterOf(intentText(randomUUID()))): Promise<string> {
  const { deadLetterId } = letter
  await ledger.publish(deadLettered('audit-ledger'), letter, { messageId: randomUUID() })
  await eventually(
    async () => (await list()).deadLetters.some((found) => found.deadLetterId === deadLetterId),
    { what: 'the dead letter' },
  )
  return deadLetterId
}

async function replayEntries(deadLetterId: string, count: number) {
  const entries = () => taken.filter(({ target }) => target === `dead-letter:${deadLetterId}`)
  await eventually(async () => Promise.resolve(entries().length >= count), { what: 'the entries' })
  return entries().map(({ action, phase, of, id }) => ({ action, phase, of, id }))
}

test('what a consumer gives up is kept with its reason, and operators see it', async () => {
  await jetstream(bridge.gateway.connection).publish('aud.gateway.v1.append', 'no JSON at all')

  const [letter] = await eventually(
    async () => {
      const { deadLetters } = await list()
      return deadLetters.length > 0 ? deadLetters : undefined
    },
    { what: 'the dead letter' },
  )
  expect(letter).toMatchObject({
    service: 'audit-ledger',
    consumer: 'audit-ledger',
    subject: 'aud.gateway.v1.append',
    reason: 'The body is not JSON.',
    deliveries: 1,
  })
  expect(letter).not.toHaveProperty('body')
  expect(letter).not.toHaveProperty('replayedAt')
})

test('a dead letter that is delivered twice is kept once', async () => {
  const letter = letterOf('{}')
  await givenLetter(letter)
  await givenLetter(letter)
  await givenLetter()

  const { deadLetters } = await list()
  const same = deadLetters.filter(({ deadLetterId }) => deadLetterId === letter.deadLetterId)
  expect(same).toHaveLength(1)
})

test('a replay runs the consumer’s handler; decision and outcome are on the ledger', async () => {
  const id = randomUUID()
  const deadLetterId = await givenLetter(letterOf(intentText(id)))

  const { replayedAt } = await replay(deadLetterId)

  expect(taken.filter((intent) => intent.id === id)).toHaveLength(1)
  const { deadLetters } = await list()
  const listed = deadLetters.find((found) => found.deadLetterId === deadLetterId)
  expect(listed?.replayedAt).toBe(replayedAt)
  const [decision, outcome] = await replayEntries(deadLetterId, 2)
  expect(decision).toMatchObject({ action: 'dead-letter.replay-requested', phase: 'intent' })
  expect(outcome).toMatchObject({
    action: 'dead-letter.replayed',
    phase: 'outcome',
    of: decision?.id,
  })
})

test('a replay that the consumer refuses is kept as failed; a later one may succeed', async () => {
  isBroken = true
  const deadLetterId = await givenLetter()
  const requestId = randomUUID()
  const refused = await refusal(replay(deadLetterId, requestId))
  isBroken = false

  expect(refused).toEqual({
    code: 'bridge.replay-failed',
    kind: 'conflict',
    details: { deadLetterId, failure: 'bus.retry-failed' },
  })
  expect(await refusal(replay(deadLetterId, requestId))).toEqual(refused)
  const entries = await replayEntries(deadLetterId, 2)
  const phases = entries.map(({ action, phase }) => `${phase} ${action}`).sort()
  expect(phases).toEqual([
    'intent dead-letter.replay-requested',
    'outcome dead-letter.replay-failed',
  ])
  await replay(deadLetterId)
})

test('the same replay twice, or eight times at once, is one decision and outcome', async () => {
  const id = randomUUID()
  const deadLetterId = await givenLetter(letterOf(intentText(id)))
  const requestId = randomUUID()
  const first = await replay(deadLetterId, requestId)
  expect(await replay(deadLetterId, requestId)).toEqual(first)
  expect(taken.filter((intent) => intent.id === id)).toHaveLength(1)

  const other = await givenLetter()
  const racing = randomUUID()
  const replies = await Promise.all(Array.from({ length: 8 }, () => replay(other, racing)))

  expect(new Set(replies.map(({ replayedAt }) => replayedAt)).size).toBe(1)
  const last = await givenLetter()
  await replay(last)
  await replayEntries(last, 2)
  expect(await replayEntries(other, 2)).toHaveLength(2)
})

test('a replay to a service that is away fails by name, and is an outcome too', async () => {
  const deadLetterId = randomUUID()
  const letter = letterOf('{}', { deadLetterId, service: 'gateway', consumer: 'none' })
  await bridge.gateway.publish(deadLettered('gateway'), letter, { messageId: deadLetterId })
  await eventually(
    async () => (await list()).deadLetters.some((found) => found.deadLetterId === deadLetterId),
    { what: 'the dead letter' },
  )

  expect(await refusal(replay(deadLetterId))).toMatchObject({
    code: 'bridge.replay-failed',
    details: { failure: 'bus.no-responders' },
  })
})

test('a dead letter in another service’s name is kept under the service that sent it', async () => {
  const letter = letterOf('{}', { service: 'bridge', consumer: 'bridge-dead-letters' })
  const deadLetterId = await givenLetter(letter)

  const { deadLetters } = await list()
  const kept = deadLetters.find((found) => found.deadLetterId === deadLetterId)
  expect(kept?.service).toBe('audit-ledger')
})

test('a dead letter that holds what PostgreSQL cannot store is kept even so', async () => {
  const headers = { 'X-Odd': 'a\u0000b\ud800' }
  await givenLetter(letterOf('{}', { headers, reason: 'bad \u0000 byte', consumer: 'c\u0000' }))

  expect((await list()).deadLetters[0]?.reason).toBe('bad \ufffd byte')
})

test('dead letters are listed newest first, page by page', async () => {
  const older = await givenLetter()
  const newer = await givenLetter()

  const first = await list({ limit: 1 })
  const second = await list({ limit: 1, before: first.next ?? '' })

  const ids = [first, second].map(({ deadLetters }) => deadLetters[0]?.deadLetterId)
  expect(ids).toEqual([newer, older])
})

test.each([
  ['an operator of one tenant', operator('acme')],
  ['an agent of the operators’ tenant', agent('athena', 'substrate')],
])('dead letters are neither listed nor replayed for %s', async (_case, context) => {
  const deadLetterId = await givenLetter()
  const request = { requestId: randomUUID(), deadLetterId }

  const listed = await refusal(bridge.call(context, listDeadLetters, { limit: 1 }))
  const replayed = await refusal(bridge.call(context, replayDeadLetter, request))

  expect(listed.code).toBe('bridge.operators-only')
  expect(replayed.code).toBe('bridge.operators-only')
})

test('a dead letter that does not exist, and a cursor that is none, are refused', async () => {
  const deadLetterId = randomUUID()

  expect(await refusal(replay(deadLetterId))).toMatchObject({
    code: 'bridge.dead-letter-not-found',
    details: { deadLetterId },
  })
  for (const before of ['0', '-1', '1e3', '1; drop table dead_letters', '9'.repeat(30)]) {
    expect(await refusal(list({ limit: 1, before }))).toMatchObject({
      code: 'bridge.invalid-cursor',
    })
  }
})
