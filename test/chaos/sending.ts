import { eventually } from '@mumega/testkit'
import type { Agent } from './given-suite.ts'

/** A message that was answered with 202. */
export interface Accepted {
  readonly messageId: string
  readonly from: string
  readonly to: string
  readonly text: string
  /** The idempotency key that it was sent under. */
  readonly key: string
}

export interface Correspondence {
  /** The gateway. */
  readonly url: string
  readonly senders: readonly Agent[]
  /** Every sender writes to each of them in turn. */
  readonly recipients: readonly Agent[]
}

/** What has been sent so far. */
export interface Sent {
  /** In the order in which each sender got its answers. */
  readonly accepted: Accepted[]
  /** The codes of the refusals, which were all meant. */
  readonly refused: string[]
  attempts: number
}

/** Which messages each sender sends, and what their texts say besides the sender and the number. */
export interface Batch {
  readonly first: number
  readonly last: number
  readonly label: string
}

// After each tenth message come two that must be refused.
const REFUSED_AFTER_EVERY = 10
const TEXT_BYTES_ALLOWED = 16_384
// While the gateway cannot tell whose token it is, it counts callers by their address, and soon
// answers 429.
const TRY_AGAIN = new Set([429, 503])
const ATTEMPT_MS_MAX = 10_000
const ANSWER_MS_MAX = 90_000

/**
 * Sends a batch of each sender: the senders at the same time, each of them one message after the
 * other. Among them are messages that must be refused. `sent` grows with every answer.
 */
export async function sendBatch(
  correspondence: Correspondence,
  batch: Batch,
  sent: Sent,
): Promise<void> {
  const sendAll = async (sender: Agent) => {
    const sending = { ...correspondence, sender, sent }
    for (let number = batch.first; number <= batch.last; number += 1) {
      const text = `${sender.name} ${number} ${batch.label}`
      await sendAccepted(sending, number, text)
      if (number % REFUSED_AFTER_EVERY === 0) await sendRefused(sending, number, text)
    }
  }
  await Promise.all(correspondence.senders.map(sendAll))
}

type Sending = Correspondence & { sender: Agent; sent: Sent }

async function sendAccepted(sending: Sending, number: number, text: string): Promise<void> {
  const { sender, recipients, sent } = sending
  const message = { key: `message-${number}`, to: nameOf(recipients, number), text }
  const { status, body } = await send(sending, message)
  const messageId = body['messageId']
  if (status !== 202 || typeof messageId !== 'string') throw unexpected(text, { status, body })
  sent.accepted.push({ ...message, messageId, from: sender.name })
}

async function sendRefused(sending: Sending, number: number, text: string): Promise<void> {
  const to = nameOf(sending.recipients, number)
  const wrong = [
    { code: 'bridge.agent-not-found', to: 'nobody', text },
    { code: 'bridge.text-too-large', to, text: text.padEnd(TEXT_BYTES_ALLOWED + 1, '.') },
  ]
  for (const { code, ...message } of wrong) {
    const { status, body } = await send(sending, { key: `${code}-${number}`, ...message })
    if (body['code'] !== code) throw unexpected(text, { status, body })
    sending.sent.refused.push(code)
  }
}

function nameOf(recipients: readonly Agent[], number: number): string {
  return recipients[number % recipients.length]?.name ?? ''
}

/** Sends an accepted message once more, under the same key; the id it is answered with. */
export async function sendAgain(
  { url, senders }: Correspondence,
  { from, key, to, text }: Accepted,
): Promise<unknown> {
  const sender = senders.find(({ name }) => name === from)
  if (sender === undefined) throw new Error(`${from} is no sender`)
  const sent = { accepted: [], refused: [], attempts: 0 }
  const { body } = await send({ url, sender, sent }, { key, to, text })
  return body['messageId']
}

interface Answer {
  status: number
  body: Record<string, unknown>
}

/**
 * Sends one message as a careful client does: under one key until there is an answer. No answer,
 * half of one, 503 and 429 mean to try again; anything else is the answer.
 */
async function send(
  { url, sender, sent }: Pick<Sending, 'url' | 'sender' | 'sent'>,
  { key, to, text }: { key: string; to: string; text: string },
): Promise<Answer> {
  const attempt = async () => {
    sent.attempts += 1
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${sender.token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify({ to, text }),
      signal: AbortSignal.timeout(ATTEMPT_MS_MAX),
    })
    const body = (await response.json()) as Record<string, unknown>
    return TRY_AGAIN.has(response.status) ? undefined : { status: response.status, body }
  }
  const what = `an answer to ${text.slice(0, 100)}`
  return eventually(attempt, { what, timeoutMs: ANSWER_MS_MAX })
}

function unexpected(text: string, { status, body }: Answer): Error {
  return new Error(`"${text}" was answered with ${status} ${JSON.stringify(body)}`)
}
