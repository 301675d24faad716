import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { broadcastMessage } from '@mumega/contracts/bridge'
import { getMessage } from '@mumega/contracts/deliveries'
import { eventually } from '@mumega/testkit'
import {
  agent,
  collectIntents,
  givenAgents,
  givenMessage,
  inboxOf,
  operator,
  refusal,
  startTestBridge,
  type TestBridge,
} from './given.ts'
import { deny, givenPolicy } from './given-send-policy.ts'

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge({ BRIDGE_INBOX_UNREAD_MAX: '50' })
  await givenAgents(bridge, ['kasra', 'loom', 'river'])
})
afterAll(async () => {
  await bridge.stop()
})

const announcement = () => ({ requestId: randomUUID(), text: 'stand-up in five' })

test('a broadcast reaches every other agent of its tenant, and nobody else', async () => {
  await givenAgents(bridge, ['kasra', 'outsider'], 'globex')

  const accepted = await bridge.call(agent('kasra'), broadcastMessage, announcement())

  const { messageId } = accepted
  expect(accepted).toEqual({ messageId, status: 'queued', recipients: 2 })
  for (const name of ['loom', 'river']) {
    expect(await inboxOf(bridge, agent(name))).toMatchObject([{ messageId, kind: 'broadcast' }])
  }
  expect(await inboxOf(bridge, agent('kasra'))).toEqual([])
  expect(await inboxOf(bridge, agent('outsider', 'globex'))).toEqual([])
})

test('a broadcast with nobody to hear it says so, and is on the ledger', async () => {
  const ledger = await collectIntents(bridge.nats)
  await givenAgents(bridge, ['hermit'], 'island')

  const accepted = await bridge.call(agent('hermit', 'island'), broadcastMessage, announcement())

  expect(accepted.recipients).toBe(0)
  const intent = await eventually(
    async () => Promise.resolve(ledger.intents.find(({ id }) => id === accepted.messageId)),
    { what: 'the intent' },
  )
  await ledger.stop()
  const recipientsSha256 = createHash('sha256').update('').digest('hex')
  expect(intent.payload).toMatchObject({ recipients: 0, recipientsSha256 })
})

test('the same broadcast twice, and eight times at once, is one message', async () => {
  await givenAgents(bridge, ['a', 'b', 'c'], 'twice')
  const request = announcement()
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => bridge.call(agent('a', 'twice'), broadcastMessage, request)),
  )
  replies.push(await bridge.call(agent('a', 'twice'), broadcastMessage, request))

  expect(new Set(replies.map(({ messageId }) => messageId)).size).toBe(1)
  expect(await inboxOf(bridge, agent('b', 'twice'))).toHaveLength(1)
})

test('a broadcast that one full inbox refuses reaches nobody', async () => {
  await givenAgents(bridge, ['a', 'b', 'full'], 'brimful')
  for (let sent = 0; sent < 50; sent += 1) {
    await givenMessage(bridge, agent('a', 'brimful'), { to: 'full', text: 'x' })
  }

  const refused = await refusal(
    bridge.call(agent('a', 'brimful'), broadcastMessage, announcement()),
  )

  expect(refused).toMatchObject({ code: 'bridge.inbox-full', details: { agent: 'full' } })
  expect(await inboxOf(bridge, agent('b', 'brimful'))).toEqual([])
})

test('broadcasts and messages that cross each other never deadlock and leave no hole', async () => {
  const names = Array.from({ length: 8 }, (_, index) => `agent-${index}`)
  await givenAgents(bridge, names, 'crossing')

  await Promise.all(
    names.map(async (name) => {
      const from = agent(name, 'crossing')
      for (let round = 0; round < 3; round += 1) {
        await bridge.call(from, broadcastMessage, announcement())
        await givenMessage(bridge, from, { to: 'agent-0', text: 'directly' })
      }
    }),
  )

  for (const name of names) {
    const positions = (await inboxOf(bridge, agent(name, 'crossing'))).map((m) => m.position)
    const expected = name === 'agent-0' ? 7 * 3 + 8 * 3 : 7 * 3
    expect(positions).toEqual(Array.from({ length: expected }, (_, index) => index + 1))
  }
})

test('a broadcast reaches 1,000 agents, and is refused as a whole for one more', async () => {
  const insert = `
    with named as (
      select 'crowd' as tenant_id, 'agent-' || n as name from generate_series(?::int, ?::int) n)
    insert into bridge.agents select tenant_id, name, now() from named`
  // The administrator's hands are bound by the audit guard too; a session may switch its triggers
  // off.
  await bridge.admin.transaction(async (trx) => {
    await trx.raw(`set local session_replication_role = replica`)
    await trx.raw(insert, [0, 1_000])
    await trx.raw(
      `insert into inboxes (tenant_id, agent)
       select tenant_id, name from agents where tenant_id = 'crowd'`,
    )
  })

  const accepted = await bridge.call(agent('agent-0', 'crowd'), broadcastMessage, announcement())
  expect(accepted.recipients).toBe(1_000)
  const request = { messageId: accepted.messageId }
  const seen = await bridge.call(operator('crowd'), getMessage, request)
  expect(seen.deliveries).toHaveLength(1_000)

  await givenAgents(bridge, ['one-more'], 'crowd')
  const refused = await refusal(
    bridge.call(agent('agent-0', 'crowd'), broadcastMessage, announcement()),
  )
  expect(refused).toMatchObject({ code: 'bridge.too-many-recipients', details: { limit: 1_000 } })
  expect(await inboxOf(bridge, agent('one-more', 'crowd'))).toEqual([])
})

// The crowd of the test before: 1,001 others, of whom `one-more` is the last.
test('whom the send policy leaves out is not counted among the 1,000 of a broadcast', async () => {
  const sender = agent('agent-0', 'crowd')
  const broadcast = () => bridge.call(sender, broadcastMessage, announcement())
  const policy = (to: string) => ({ default: 'allow' as const, rules: [deny('agent-0', to)] })
  const last = agent('one-more', 'crowd')

  await givenPolicy(bridge, policy('agent-5'), 'crowd')
  expect((await broadcast()).recipients).toBe(1_000)
  expect(await inboxOf(bridge, last)).toHaveLength(1)
  expect(await inboxOf(bridge, agent('agent-5', 'crowd'))).toHaveLength(1)

  // However many they are, it comes to those behind them.
  await givenAgents(bridge, ['zoe'], 'crowd')
  await givenPolicy(bridge, policy('agent-*'), 'crowd')
  expect((await broadcast()).recipients).toBe(2)
  expect(await inboxOf(bridge, agent('zoe', 'crowd'))).toHaveLength(1)

  await givenPolicy(bridge, policy('agent-5'), 'crowd')
  const refused = await refusal(broadcast())
  expect(refused).toMatchObject({ code: 'bridge.too-many-recipients', details: { limit: 1_000 } })
  expect(await inboxOf(bridge, last)).toHaveLength(2)
})

test('an operator cannot broadcast, nor an agent without an inbox', async () => {
  const byOperator = await refusal(bridge.call(operator(), broadcastMessage, announcement()))
  const byGhost = await refusal(bridge.call(agent('ghost'), broadcastMessage, announcement()))

  expect(byOperator).toMatchObject({ code: 'bridge.sender-not-an-agent' })
  expect(byGhost).toMatchObject({ code: 'bridge.agent-not-found' })
})
