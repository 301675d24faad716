import { randomUUID } from 'node:crypto'
import type { EventContract, PayloadOf, RequestOf } from '@mumega/contracts/define'
import type { sendMessage } from '@mumega/contracts/bridge'
import type { holdMessage, receiveMessages } from '@mumega/contracts/deliveries'
import type { AuditIntent } from '@mumega/contracts/audit'
import type { Knex } from '@mumega/db'
import { openAdmin, startTestDatabase } from '@mumega/testkit'
import { handleRegisterAgent } from '../src/agents/register-agent.ts'
import type { Bridge } from '../src/bridge.ts'
import { handleAcknowledgeMessage } from '../src/deliveries/acknowledge-message.ts'
import { handleHoldMessage } from '../src/deliveries/hold-message.ts'
import { handleReceiveMessages } from '../src/deliveries/receive-messages.ts'
import { handleRejectMessage } from '../src/deliveries/reject-message.ts'
import { sweep } from '../src/deliveries/sweep.ts'
import { handleRedeliverMessage } from '../src/deliveries/undelivered.ts'
import { handleGetMessage } from '../src/messages/get-message.ts'
import { handleSendMessage } from '../src/messages/send-message.ts'
import { agent, operator, PRESENCE } from './given.ts'

/** The bridge's handlers on a database of their own, at a time that only the test moves. */
export async function startDeliveries() {
  const database = await startTestDatabase(['bridge'])
  const admin = openAdmin(database.adminUrl, { schema: 'bridge' })
  let nowMs = Date.parse('2026-01-01T00:00:00.000Z')
  const clock = { now: () => new Date(nowMs), realMs: (spanMs: number) => spanMs }
  const bridge: Bridge = {
    db: database.open('bridge'),
    clock,
    presence: PRESENCE,
    inboxUnreadMax: 100_000,
  }
  const kasra = agent('kasra')
  const register = (name: string) =>
    handleRegisterAgent(bridge, operator(), { requestId: randomUUID(), name })
  await register('kasra')
  let agents = 0
  return {
    bridge,
    admin,
    register,
    /** An agent that only this test has; its name. */
    async givenAgent(): Promise<string> {
      agents += 1
      const name = `agent-${agents}`
      await register(name)
      return name
    },
    now: () => new Date(nowMs),
    pass(seconds: number) {
      nowMs += seconds * 1_000
    },
    /** Sends as kasra; the message's id. */
    async send(to: string, fields: Partial<RequestOf<typeof sendMessage>> = {}): Promise<string> {
      const message = { requestId: randomUUID(), to, text: 'work', ...fields }
      return (await handleSendMessage(bridge, kasra, message)).messageId
    },
    receive: (name: string, body: string, limit = 100) =>
      handleReceiveMessages(bridge, agent(name), { body, limit }),
    claim: (name: string, claim: RequestOf<typeof receiveMessages>) =>
      handleReceiveMessages(bridge, agent(name), claim),
    acknowledge: (name: string, messageId: string) =>
      handleAcknowledgeMessage(bridge, agent(name), { requestId: randomUUID(), messageId }),
    hold: (name: string, hold: RequestOf<typeof holdMessage>) =>
      handleHoldMessage(bridge, agent(name), hold),
    reject: (name: string, messageId: string, reason = 'cannot be read') =>
      handleRejectMessage(bridge, agent(name), { requestId: randomUUID(), messageId, reason }),
    redeliver: (to: string, messageId: string) =>
      handleRedeliverMessage(bridge, operator(), { requestId: randomUUID(), messageId, to }),
    sweep: () => sweep(bridge, new AbortController().signal),
    /** What kasra, the sender, sees of its only delivery. */
    async seen(messageId: string) {
      const { deliveries } = await handleGetMessage(bridge, kasra, { messageId })
      return deliveries[0]
    },
    intents: (action: string) => intentsOf(admin, action),
    /** What waits to be published of an event. */
    events: <C extends EventContract>(contract: C) => eventsOf(admin, contract),
    async stop() {
      await admin.destroy()
      await database.drop()
    },
  }
}

export type Deliveries = Awaited<ReturnType<typeof startDeliveries>>

/** The ids of a page of messages. */
export const ids = ({ messages }: { messages: { messageId: string }[] }): string[] =>
  messages.map(({ messageId }) => messageId)

async function eventsOf<C extends EventContract>(
  admin: Knex,
  { subject }: C,
): Promise<PayloadOf<C>[]> {
  const found = await admin.raw<{ rows: { payload: string }[] }>(
    'select payload from outbox where not audit and subject = ? order by position',
    [subject],
  )
  return found.rows.map(({ payload }) => JSON.parse(payload) as PayloadOf<C>)
}

/** What waits for the ledger, oldest first. */
async function intentsOf(admin: Knex, action: string): Promise<AuditIntent[]> {
  const found = await admin.raw<{ rows: { payload: string }[] }>(
    'select payload from outbox where audit order by position',
  )
  return found.rows
    .map(({ payload }) => JSON.parse(payload) as AuditIntent)
    .filter((intent) => intent.action === action)
}
