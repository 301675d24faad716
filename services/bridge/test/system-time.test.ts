import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { scaledClock } from '@mumega/config/clock'
import { askAgent } from '@mumega/contracts/asks'
import { heartbeatRecorded } from '@mumega/contracts/bridge'
import { eventually } from '@mumega/testkit'
import { agent, givenAgents, inboxOf, startTestBridge, type TestBridge } from './given.ts'
import { readStored } from './stored.ts'

// 60 s of the system's time pass in 300 ms.
const SCALE = 200
const originMs = Date.now()
const clock = scaledClock({ scale: SCALE, originMs })

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge({
    MUMEGA_TIME_SCALE: `${SCALE}`,
    MUMEGA_TIME_ORIGIN_MS: `${originMs}`,
  })
  await givenAgents(bridge, ['kasra', 'loom'])
})
afterAll(async () => {
  await bridge.stop()
})

test('the bridge’s own heartbeat comes every minute with its round trip', async () => {
  const own = await eventually(
    async () => {
      const stored = await readStored(bridge.nats, heartbeatRecorded)
      const found = stored.filter(({ principal }) => principal === 'service:bridge')
      return found.length >= 3 ? found : undefined
    },
    { what: 'three heartbeats of the bridge' },
  )

  const atMs = own.map(({ at }) => Date.parse(at))
  for (const [index, at] of atMs.slice(1).entries()) {
    expect(at - (atMs[index] ?? 0)).toBeGreaterThanOrEqual(60_000)
  }
  for (const heartbeat of own) {
    expect(heartbeat).toMatchObject({ tenantId: 'substrate', status: 'idle' })
    expect(heartbeat.roundTripMs).toBeGreaterThan(0)
  }
})

test('an ask waits for seconds of the system’s time, and says until when', async () => {
  const startedAt = clock.now().getTime()
  const request = { requestId: randomUUID(), to: 'loom', text: 'hello?', timeoutSeconds: 100 }
  const reply = await bridge.call(agent('kasra'), askAgent, request)
  const waitedMs = clock.now().getTime() - startedAt

  expect(reply).not.toHaveProperty('answer')
  expect(waitedMs).toBeGreaterThanOrEqual(100_000)
  const [question] = await inboxOf(bridge, agent('loom'))
  const { sentAt, deadline } = question ?? {}
  expect(Date.parse(deadline ?? '') - Date.parse(sentAt ?? '')).toBe(100_000)
})
