import { randomUUID } from 'node:crypto'
import {
  acknowledgeMessage,
  holdMessage,
  receiveMessages,
  rejectMessage,
  type ReceivedMessage,
} from '@mumega/contracts/deliveries'
import { recordHeartbeat, sendMessage } from '@mumega/contracts/bridge'
import type { RequestOf } from '@mumega/contracts/define'
import { LONE_SURROGATE } from '@mumega/contracts/text'
import { hasCode } from '@mumega/errors'
import { askGateway, type Gateway } from './gateway.ts'

/** The inbox of an agent, as one of its bodies sees it. */
export interface Inbox {
  gateway: Gateway
  body: string
}

const WAIT_SECONDS = 25
const HOLD_SECONDS = 120
// Some two minutes. Afterwards it comes again, is found in the journal and only acknowledged.
const ACK_TRIES = 12
const REASON_CHARACTERS_MAX = 400

/** Waits a while for messages; asks again for as long as the gateway is away. */
export async function receive(
  { gateway, body }: Inbox,
  { limit, signal }: { limit: number; signal: AbortSignal },
): Promise<ReceivedMessage[]> {
  const { messages } = await askGateway(gateway, {
    method: 'POST',
    path: '/v1/inbox/receive',
    // Asked again because an answer was lost, it is given the same messages.
    body: { body, limit, claimId: randomUUID(), waitSeconds: WAIT_SECONDS },
    reply: receiveMessages.reply,
    timeoutMs: (WAIT_SECONDS + 15) * 1_000,
    tries: Infinity,
    signal,
  })
  // More than was asked for is no gateway's doing. If it is leased, it comes again.
  return messages.slice(0, limit)
}

/** Holds a message for longer; for how many milliseconds. Gives up after `withinMs`. */
export async function hold(
  { gateway, body }: Inbox,
  { messageId, attempt, withinMs }: { messageId: string; attempt: number; withinMs: number },
): Promise<number> {
  await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/hold`,
    // Another process of this body may have it by now, as its next delivery.
    body: { body, seconds: HOLD_SECONDS, attempt },
    reply: holdMessage.reply,
    timeoutMs: withinMs,
    tries: 1,
    goesFirst: true,
  })
  return HOLD_SECONDS * 1_000
}

export async function acknowledge({ gateway }: Inbox, messageId: string): Promise<void> {
  await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/ack`,
    idempotencyKey: `ack/${messageId}`,
    reply: acknowledgeMessage.reply,
    tries: ACK_TRIES,
    goesFirst: true,
  })
}

export async function reject(
  { gateway }: Inbox,
  { messageId, reason }: { messageId: string; reason: string },
): Promise<void> {
  await askGateway(gateway, {
    method: 'POST',
    path: `/v1/inbox/${messageId}/reject`,
    body: { reason: storable(reason) || 'the agent gave no reason' },
    reply: rejectMessage.reply,
    goesFirst: true,
  })
}

/** What of a reason the gateway takes: not too long, and no halves of characters, nor U+0000. */
function storable(reason: string): string {
  const characters = [...reason].filter((one) => one !== '\0' && !LONE_SURROGATE.test(one))
  return characters.slice(0, REASON_CHARACTERS_MAX).join('')
}

/** Sends the nth reply to a message, once, for as long as the signal lets it. */
export async function sendReply(
  { gateway, body }: Inbox,
  { messageId, from }: ReceivedMessage,
  { text, nth, signal }: { text: string; nth: number; signal: AbortSignal },
): Promise<void> {
  try {
    await askGateway(gateway, {
      method: 'POST',
      path: '/v1/messages',
      body: { to: from, text, replyTo: messageId },
      idempotencyKey: `reply/${body}/${messageId}/${nth}`,
      reply: sendMessage.reply,
      // As long as the message is ours: else the work would be done again for a gateway's restart.
      tries: Infinity,
      signal,
    })
  } catch (error) {
    // Before a crash the same reply was sent, in other words.
    if (!hasCode(error, 'gateway.idempotency-key-reused')) throw error
  }
}

export async function beat(
  { gateway }: Inbox,
  body: RequestOf<typeof recordHeartbeat>,
): Promise<void> {
  const path = '/v1/heartbeats'
  const reply = recordHeartbeat.reply
  await askGateway(gateway, { method: 'POST', path, body, reply, tries: 2, goesFirst: true })
}
