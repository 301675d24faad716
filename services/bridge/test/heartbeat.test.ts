import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getAgent, heartbeatRecorded, recordHeartbeat } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { agent, givenAgents, operator, refusal, startTestBridge, type TestBridge } from './given.ts'
import { readStored } from './stored.ts'

const kasra = agent('kasra')

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
  await givenAgents(bridge, ['kasra', 'loom'])
})
afterAll(async () => {
  await bridge.stop()
})

async function heartbeats(principal: string): Promise<PayloadOf<typeof heartbeatRecorded>[]> {
  const stored = await readStored(bridge.nats, heartbeatRecorded)
  return stored.filter((heartbeat) => heartbeat.principal === principal)
}

test('an agent’s heartbeat is its presence, and an event on the bus', async () => {
  const reply = await bridge.call(kasra, recordHeartbeat, { status: 'busy', note: 'reviewing' })

  expect(reply.agent).toBe('kasra')
  const seen = await bridge.call(operator(), getAgent, { name: 'kasra' })
  expect(seen.lastSeenAt).toBe(reply.lastSeenAt)
  const event = await eventually(async () => (await heartbeats('agent:kasra'))[0], {
    what: 'the event',
  })
  expect(event).toEqual({
    tenantId: 'acme',
    principal: 'agent:kasra',
    status: 'busy',
    note: 'reviewing',
    at: reply.lastSeenAt,
  })
})

test('LOCK-MON-1 an agent that claims to be another is refused', async () => {
  const forged = bridge.call(kasra, recordHeartbeat, { agent: 'loom', status: 'idle' })

  expect(await refusal(forged)).toEqual({
    code: 'bridge.identity-binding-mismatch',
    kind: 'forbidden',
    details: { claimed: 'loom' },
  })
  const loom = await bridge.call(operator(), getAgent, { name: 'loom' })
  expect(loom).not.toHaveProperty('lastSeenAt')
  await bridge.call(kasra, recordHeartbeat, { agent: 'kasra', status: 'idle' })
})

test('LOCK-MON-1 neither operators nor other tenants write an agent’s heartbeat', async () => {
  await givenAgents(bridge, ['loom'], 'globex')
  const byOperator = bridge.call(operator(), recordHeartbeat, { agent: 'loom', status: 'idle' })
  expect(await refusal(byOperator)).toMatchObject({ code: 'bridge.sender-not-an-agent' })

  await bridge.call(agent('loom', 'globex'), recordHeartbeat, { agent: 'loom', status: 'idle' })

  const loom = await bridge.call(operator(), getAgent, { name: 'loom' })
  expect(loom).not.toHaveProperty('lastSeenAt')
})

test('an agent that nobody registered has no heartbeat', async () => {
  const refused = await refusal(bridge.call(agent('ghost'), recordHeartbeat, { status: 'idle' }))

  expect(refused).toMatchObject({ code: 'bridge.agent-not-found', details: { agent: 'ghost' } })
})

test('a heartbeat never moves the time of a later one back', async () => {
  await bridge.call(kasra, recordHeartbeat, { status: 'busy' })
  // Another bridge's clock is ahead, or a request was overtaken.
  await bridge.admin.raw(`update presence set last_seen_at = last_seen_at + interval '1 hour'`)
  const later = await bridge.call(operator(), getAgent, { name: 'kasra' })

  await bridge.call(kasra, recordHeartbeat, { status: 'idle' })

  expect(await bridge.call(operator(), getAgent, { name: 'kasra' })).toEqual(later)
})

test('eight heartbeats at once leave the time of the last one', async () => {
  await givenAgents(bridge, ['river'])
  const replies = await Promise.all(
    Array.from({ length: 8 }, () =>
      bridge.call(agent('river'), recordHeartbeat, { status: 'idle' }),
    ),
  )

  const newest = replies
    .map(({ lastSeenAt }) => lastSeenAt)
    .sort()
    .at(-1)
  const seen = await bridge.call(operator(), getAgent, { name: 'river' })
  expect(seen.lastSeenAt).toBe(newest)
})
