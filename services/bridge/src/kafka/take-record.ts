import { createHash } from 'node:crypto'
import { v5 as uuidv5 } from 'uuid'
import type { ReplyOf } from '@mumega/contracts/define'
import { authenticateToken } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { isAppError } from '@mumega/errors'
import { withSpan } from '@mumega/telemetry'
import { BRIDGE_CONTEXT, boundAgent } from '../identity.ts'
import { acceptMessage } from '../messages/accept-message.ts'
import { deadLetterRecord, withoutValue } from './dead-letter-record.ts'
import { recordOfOtherTenant } from './errors.ts'
import { readRecord, type InboundOrder, type InboundRecord } from './inbound-record.ts'
import type { KafkaParts } from './parts.ts'
import { Refused } from './sender.ts'

/** A record and where it stands. */
export interface Placed extends InboundRecord {
  topic: string
  partition: number
  offset: string
  /** Milliseconds of the epoch, as text. */
  timestamp: string
}

/** Of the request ids that are made of records. */
const NAMESPACE = 'b0a6a3c6-6c0c-5a53-9a3b-5d6f3f0f9c11'

/**
 * Makes a record the message that it asks for, once however often it is read, or a dead letter.
 * When it resolves, one of them is durable.
 *
 * @throws what is to be tried again: the record can be neither now.
 */
export async function takeRecord(parts: KafkaParts, record: Placed): Promise<void> {
  try {
    const order = readRecord(record, parts.config.KAFKA_INSTANCE)
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.destination.name': record.topic,
      'messaging.destination.partition.id': String(record.partition),
      'messaging.kafka.offset': Number(record.offset),
    }
    // No parent: whoever writes to the topic must not choose the trace of what is put on record.
    const links = order.traceparent === undefined ? [] : [order.traceparent]
    const settings = { kind: 'consumer', attributes, links } as const
    await withSpan(`${record.topic} receive`, settings, () => accept(parts, record, order))
    parts.figures.accepted()
  } catch (error) {
    // The record may be right; what has to look at it is away.
    if (isAppError(error) && error.kind === 'unavailable') throw error
    await giveUp(parts, record, error)
  }
}

async function accept(parts: KafkaParts, record: Placed, inbound: InboundOrder): Promise<void> {
  const { from, tenantId, contentType = 'text/plain', ...fields } = inbound.order
  const context = await authenticate(parts, inbound.secret)
  if (tenantId !== undefined && tenantId !== context.tenantId) throw recordOfOtherTenant(tenantId)
  const draft = { ...fields, from: boundAgent(context, from), kind: 'send' as const, contentType }
  const requestId = requestIdOf(record, { context, messageId: inbound.messageId })
  await acceptMessage(parts.bridge, context, { requestId, draft, path: inbound.path })
}

/** Who a token proves the sender to be; the gateway gets its hash. @throws gateway.token-… */
async function authenticate({ bus }: KafkaParts, secret: string): Promise<CallContext> {
  const tokenSha256 = createHash('sha256').update(secret).digest('hex')
  const request = { tokenSha256, scope: 'messages:send' as const }
  const token = await bus.request(authenticateToken, request, { context: BRIDGE_CONTEXT })
  return { tenantId: token.tenantId, actor: actorOf(token), tokenId: token.tokenId }
}

function actorOf({ agent, tokenId }: ReplyOf<typeof authenticateToken>): CallContext['actor'] {
  if (agent !== undefined) return { id: `agent:${agent}`, kind: 'agent' }
  return { id: `operator:${tokenId}`, kind: 'human' }
}

/**
 * The sender's own id makes the message once, wherever in the topic it stands; without one the
 * record's place does. With its time, as a topic that is made anew counts from 0 again.
 */
function requestIdOf(
  { topic, partition, offset, timestamp }: Placed,
  { context, messageId }: { context: CallContext; messageId: string | undefined },
): string {
  const own = messageId === undefined ? undefined : ['id', messageId]
  const name = own ?? ['place', topic, String(partition), offset, timestamp]
  return uuidv5([context.tenantId, context.actor.id, ...name].join('\n'), NAMESPACE)
}

async function giveUp(parts: KafkaParts, record: Placed, error: unknown): Promise<void> {
  const { config, sender, figures } = parts
  const headers = Object.entries(record.headers).flatMap(([name, value]) => {
    const one = Array.isArray(value) ? value[0] : value
    return one === undefined ? [] : [[name, one] as const]
  })
  const letter = deadLetterRecord(
    config.KAFKA_DEAD_LETTERS_TOPIC,
    { key: record.key, value: record.value, headers: Object.fromEntries(headers) },
    {
      // Of a bug the reader sees that it is one, and the rest is in the log.
      code: isAppError(error) ? error.code : 'bus.bug',
      reason: isAppError(error) ? error.message : 'The bridge failed on this record.',
      origin: `${record.topic}/${record.partition}/${record.offset}`,
    },
  )
  try {
    await sender.send([letter])
  } catch (sendError) {
    if (!(sendError instanceof Refused)) throw sendError
    await sender.send([withoutValue(letter)])
  }
  figures.deadLettered()
}
