import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '@mumega/config/clock'
import { askAgent } from '@mumega/contracts/asks'
import { messageAccepted, sendMessage } from '@mumega/contracts/bridge'
import { healthOf } from '@mumega/contracts/health'
import { isAppError } from '@mumega/errors'
import { eventually } from '@mumega/testkit'
import { handleSendMessage } from '../src/messages/send-message.ts'
import { forkBridge } from './forked.ts'
import { readStored } from './stored.ts'
import {
  agent,
  collectIntents,
  givenAgents,
  givenMessage,
  inboxOf,
  inconsistentInboxes,
  PRESENCE,
  operator,
  startTestBridge,
  type TestBridge,
} from './given.ts'

const SENDERS = ['s-0', 's-1', 's-2']
const kasra = agent('kasra')
// A killed server is back within seconds, of which back-off takes five.
const PATIENCE_MS = 30_000
const TEST_MS_MAX = 90_000

let bridge: TestBridge
let killable: ChildProcess
beforeAll(async () => {
  bridge = await startTestBridge()
  await bridge.startAnother()
  killable = forkBridge(bridge).child
  await once(killable, 'message')
  await givenAgents(bridge, ['kasra', 'loom', 'river', ...SENDERS])
})
afterAll(async () => {
  killable.kill('SIGKILL')
  await bridge.stop()
})

// The test before may have killed NATS: each client comes back in its own time.
beforeEach(async () => {
  await eventually(() => bridge.call(operator('substrate'), healthOf('bridge'), {}), {
    what: 'the bridge to answer',
  })
}, TEST_MS_MAX)

/**
 * Sends as a careful caller does: what is `unavailable` is sent again under its own request id. Any
 * other failure would be a bug, and ends it.
 */
async function sendSurely(name: string, fields: { to: string; text: string }): Promise<string> {
  const request = { requestId: randomUUID(), ...fields }
  const outcome = await eventually(
    async () => {
      try {
        return await bridge.call(agent(name), sendMessage, request)
      } catch (error) {
        return isAppError(error) && error.kind === 'unavailable' ? undefined : { error }
      }
    },
    { timeoutMs: PATIENCE_MS, what: `${name}’s message to be accepted` },
  )
  if ('error' in outcome) throw outcome.error
  return outcome.messageId
}

async function copiesOf(ids: string[]): Promise<string[]> {
  const wanted = new Set(ids)
  const copies = await readStored(bridge.nats, messageAccepted)
  return copies.map(({ messageId }) => messageId).filter((messageId) => wanted.has(messageId))
}

test(
  'what is accepted while NATS is away reaches bus and ledger once it is back',
  async () => {
    await bridge.nats.kill()
    const local = { db: bridge.db, clock: systemClock, presence: PRESENCE, inboxUnreadMax: 1_000 }
    const ids: string[] = []
    for (let sent = 0; sent < 100; sent += 1) {
      const request = { requestId: randomUUID(), to: 'loom', text: `${sent}` }
      ids.push((await handleSendMessage(local, kasra, request)).messageId)
    }
    await bridge.nats.restart()

    const ledger = await collectIntents(bridge.nats)
    const intended = () => ledger.intents.map(({ id }) => id).filter((id) => ids.includes(id))
    await eventually(async () => Promise.resolve(intended().length >= ids.length), {
      timeoutMs: PATIENCE_MS,
      what: 'every intent',
    })
    await ledger.stop()
    expect(intended()).toEqual(ids)
    await eventually(async () => (await copiesOf(ids)).length >= ids.length, { what: 'every copy' })
    expect(await copiesOf(ids)).toEqual(ids)
  },
  TEST_MS_MAX,
)

test.each([
  [
    'a bridge is killed',
    async () => {
      killable.kill('SIGKILL')
      await once(killable, 'exit')
    },
  ],
  [
    'NATS is killed',
    async () => {
      await bridge.nats.kill()
      await bridge.nats.restart()
    },
  ],
  [
    'every connection to the database is cut',
    async () => {
      await bridge.admin.raw(
        `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'mumega_bridge'
          and datname = current_database()`,
      )
    },
  ],
])(
  'when %s while messages are sent, each is in the inbox once and in its sender’s order',
  async (_case, strike) => {
    const inbox = `box-${randomUUID().slice(0, 8)}`
    await givenAgents(bridge, [inbox])
    const ledger = await collectIntents(bridge.nats)
    const perSender = 60
    const ids: string[] = []
    let struck: Promise<void> | undefined
    await Promise.all(
      SENDERS.map(async (name) => {
        for (let sent = 0; sent < perSender; sent += 1) {
          ids.push(await sendSurely(name, { to: inbox, text: `${name} ${sent}` }))
          if (ids.length === perSender) struck = strike()
        }
      }),
    )
    await struck

    const messages = await eventually(() => inboxOf(bridge, agent(inbox)), { what: 'the inbox' })
    expect(messages.map(({ position }) => position)).toEqual(
      Array.from({ length: SENDERS.length * perSender }, (_, index) => index + 1),
    )
    expect(await inconsistentInboxes(bridge)).toEqual([])
    expect(new Set(messages.map(({ messageId }) => messageId))).toEqual(new Set(ids))
    for (const name of SENDERS) {
      const texts = messages.filter(({ from }) => from === name).map(({ text }) => text)
      expect(texts).toEqual(Array.from({ length: perSender }, (_, sent) => `${name} ${sent}`))
    }
    const seen = () => new Set(ledger.intents.map(({ id }) => id))
    await eventually(async () => Promise.resolve(ids.every((id) => seen().has(id))), {
      timeoutMs: PATIENCE_MS,
      what: 'every intent',
    })
    await ledger.stop()
    await eventually(async () => (await copiesOf(ids)).length >= ids.length, { what: 'every copy' })
    expect(new Set(await copiesOf(ids)).size).toBe(ids.length)
  },
  TEST_MS_MAX,
)

test(
  'an ask that an outage cut off gets its answer when it is asked again',
  async () => {
    const request = { requestId: randomUUID(), to: 'river', text: 'there?', timeoutSeconds: 30 }
    const cutOff = { context: kasra, timeoutMs: 2_000 }
    const lost = bridge.gateway.request(askAgent, request, cutOff).catch((error: unknown) => error)
    const question = await eventually(
      async () => (await inboxOf(bridge, agent('river'))).find(({ text }) => text === 'there?'),
      { what: 'the question' },
    )
    await bridge.nats.kill()
    await bridge.nats.restart()
    await lost

    const replyTo = question.messageId
    await eventually(
      async () => givenMessage(bridge, agent('river'), { to: 'kasra', text: 'yes', replyTo }),
      { what: 'the answer' },
    )
    const { answer } = await bridge.call(kasra, askAgent, request)
    expect(answer).toMatchObject({ text: 'yes' })
  },
  TEST_MS_MAX,
)

test(
  'a bridge stops within seconds while NATS is away, and what it accepted stays',
  async () => {
    const leaving = await bridge.startAnother()
    await bridge.nats.kill()
    const startedMs = performance.now()
    await leaving.stop()
    expect(performance.now() - startedMs).toBeLessThan(10_000)

    await bridge.nats.restart()
    await sendSurely('kasra', { to: 'loom', text: 'still here' })
    expect((await inboxOf(bridge, agent('loom'))).at(-1)).toMatchObject({ text: 'still here' })
  },
  TEST_MS_MAX,
)
