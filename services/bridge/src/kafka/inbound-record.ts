import { isUtf8 } from 'node:buffer'
import type { IHeaders } from 'kafkajs'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { sendMessage } from '@mumega/contracts/bridge'
import { AgentName, TenantId } from '@mumega/contracts/scalars'
import { complaintsOf } from '@mumega/contracts/variants'
import { parseExactJson } from '@mumega/tlog/exact-json'
import {
  recordAmbiguous,
  recordInvalid,
  recordLooped,
  recordTooLarge,
  recordWithoutToken,
} from './errors.ts'
import { MESSAGE_ID, PATH_HEADER } from './topic-record.ts'

const { requestId: _requestId, ...fields } = sendMessage.request.properties

/**
 * The value of an inbound record: what HTTP takes for a message, and whom the sender says it is.
 * As at every public door, a field that is not known is refused.
 */
const Order = Type.Object(
  { ...fields, from: Type.Optional(AgentName), tenantId: Type.Optional(TenantId) },
  { additionalProperties: false },
)
type Order = Static<typeof Order>
const orders = Compile(Order)

/** A record as it is read from a topic. */
export interface InboundRecord {
  key: Buffer | null
  value: Buffer | null
  headers: IHeaders
}

/** What a record asks for; nothing of it is believed yet. */
export interface InboundOrder {
  order: Order
  /** Of the sender's token. */
  secret: string
  /** The sender's own name for this message. */
  messageId: string | undefined
  /** The systems that it has passed. */
  path: readonly string[]
  traceparent: string | undefined
}

/** Room for the longest text in whatever way JSON may write it, and for the other fields. */
const VALUE_BYTES_MAX = 131_072
const HEADER_BYTES_MAX = 1_024
const PATH_MAX = 16
const BEARER = /^Bearer +([^ ]+) *$/i
const NAME = /^[\x21-\x7e]{1,255}$/
const INSTANCE = /^[a-z0-9][a-z0-9.-]{0,62}$/

/**
 * What an inbound record asks for.
 *
 * @throws bridge.record-invalid, .record-ambiguous, .record-too-large, .record-without-token,
 *   .record-looped
 */
export function readRecord({ value, headers }: InboundRecord, instance: string): InboundOrder {
  const path = pathOf(headers, instance)
  const messageId = headerOf(headers, MESSAGE_ID) ?? headerOf(headers, 'ce_id')
  if (messageId !== undefined && !NAME.test(messageId)) throw recordInvalid('its message id')
  const [, secret] = BEARER.exec(headerOf(headers, 'authorization') ?? '') ?? []
  if (secret === undefined) throw recordWithoutToken()
  const traceparent = headerOf(headers, 'traceparent')
  return { order: orderOf(value), secret, messageId, path, traceparent }
}

function orderOf(value: Buffer | null): Order {
  if (value === null) throw recordInvalid('its value, which is empty')
  if (value.length > VALUE_BYTES_MAX) throw recordTooLarge(VALUE_BYTES_MAX, value.length)
  const order = jsonOf(value)
  if (orders.Check(order)) return order
  const [first] = complaintsOf(orders, order)
  throw recordInvalid(`its value: ${first?.instancePath ?? ''} ${first?.message ?? ''}`)
}

/** As at every public door: a text that says two things says nothing. */
function jsonOf(value: Buffer): unknown {
  try {
    if (isUtf8(value)) return parseExactJson(new TextDecoder().decode(value))
  } catch (error) {
    if (error instanceof TypeError) throw recordAmbiguous(error.message)
  }
  throw recordInvalid('its value, which is not JSON in UTF-8')
}

function pathOf(headers: IHeaders, instance: string): string[] {
  const path = headerOf(headers, PATH_HEADER)?.split(',') ?? []
  const isReadable = path.length < PATH_MAX && path.every((name) => INSTANCE.test(name))
  if (!isReadable) throw recordInvalid(`its header ${PATH_HEADER}`)
  if (path.includes(instance)) throw recordLooped(instance)
  return path
}

/**
 * What was really sent: the client collects headers in a plain object, so that one with the name of
 * an object's own member, such as `constructor`, comes behind that member.
 */
export function ownValues(headers: IHeaders = {}): IHeaders {
  const sent = Object.entries(headers).map(([name, value]) => {
    const values = Array.isArray(value) ? value : [value]
    return [name, values.filter((one) => typeof one === 'string' || Buffer.isBuffer(one))] as const
  })
  return Object.fromEntries(sent)
}

/** Names of headers are the same in any case, as in HTTP, whose gateways may have written them. */
function headerOf(headers: IHeaders, wanted: string): string | undefined {
  const found = Object.entries(headers).filter(([name]) => name.toLowerCase() === wanted)
  const values = found.flatMap(([, value]) => value ?? [])
  if (values.length === 0) return undefined
  const [value] = values
  // Two of a kind could be read one way here and another way elsewhere.
  if (value === undefined || values.length > 1 || Buffer.byteLength(value) > HEADER_BYTES_MAX) {
    throw recordInvalid(`its header ${wanted}`)
  }
  return value.toString()
}
