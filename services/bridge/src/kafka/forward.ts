import { setTimeout as pause } from 'node:timers/promises'
import { Type } from 'typebox'
import type { Consuming, Delivery } from '@mumega/bus'
import { backlogOf, rightsTo } from '@mumega/bus/streams'
import { READ_ENTRIES_MAX } from '@mumega/contracts/audit-search'
import { messageAccepted } from '@mumega/contracts/bridge'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { ConsumerRights } from '@mumega/contracts/topology'
import { currentTraceparent } from '@mumega/telemetry'
import { deadLetterRecord, withoutValue } from './dead-letter-record.ts'
import { openLane, type Lane } from './lane.ts'
import { messageRecords } from './message-records.ts'
import type { KafkaParts } from './parts.ts'
import { announcedBy, sealedRecords } from './sealed-records.ts'
import { Refused } from './sender.ts'
import { recordOf, requestsOf, subjectOf, type TopicRecord } from './topic-record.ts'

export const FORWARDERS = ['bridge-kafka-messages', 'bridge-kafka-events'] as const

/** Something from the bus, to be forwarded. */
export interface Forwarded<Payload = unknown> {
  readonly payload: Payload
  readonly delivery: Delivery
  readonly traceparent: string | undefined
}

export interface Forwarding {
  stop(): Promise<void>
}

/** Any JSON object: the durable consumer takes every service's events, also those made later. */
const anyEvent = {
  subject: 'evt.>',
  payload: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
} satisfies EventContract

// They hold bytes of any kind: of intents whose payloads may have to be erased, for instance.
const NOT_FORWARDED = /\.dead-lettered$/
const STOP_MS_MAX = 3_000
// As many as one announcement and one question to the ledger have at most.
const RECORDS_MAX = READ_ENTRIES_MAX

/**
 * Forwards what the durable consumers of FORWARDERS have, until it is stopped. One process at a
 * time may do it: the order in the topics is the order in which this one sends.
 */
export async function startForwarding(parts: KafkaParts, signal: AbortSignal): Promise<Forwarding> {
  const [messages, events] = FORWARDERS
  const started = await Promise.all([
    forward(parts, signal, {
      name: messages,
      contract: messageAccepted,
      recordsOf: messageRecords,
    }),
    forward(parts, signal, {
      name: events,
      contract: anyEvent,
      recordsOf: eventRecords,
      // An announcement is many records, of which there is room for few in memory and in a request.
      weightOf: (event) => announcedBy(event)?.length ?? 1,
    }),
  ])
  return {
    async stop() {
      await Promise.all(started.map(({ stop }) => stop()))
    },
  }
}

interface Route<C extends EventContract> {
  readonly name: (typeof FORWARDERS)[number]
  readonly contract: C
  readonly recordsOf: (
    parts: KafkaParts,
    batch: readonly Forwarded<PayloadOf<C>>[],
  ) => Promise<TopicRecord[]>
  /** How many records it becomes; 1 without it. */
  readonly weightOf?: (one: Forwarded<PayloadOf<C>>) => number
}

async function forward<C extends EventContract>(
  parts: KafkaParts,
  signal: AbortSignal,
  { name, contract, recordsOf, weightOf }: Route<C>,
): Promise<Forwarding> {
  const rights = rightsTo('bridge', name)
  await waitForPredecessor(parts, rights, signal)
  const lane: Lane<Forwarded<PayloadOf<C>>> = openLane({
    batchMax: rights.maxAckPending,
    ...(weightOf !== undefined && { weightMax: RECORDS_MAX, weightOf }),
    handle: async (batch) => {
      await sendAll(parts, await recordsOf(parts, batch))
    },
  })
  // The bus gives a message again that is held for long; it is still the same one.
  const held = new Map<number, Promise<void>>()
  const consuming: Consuming = await parts.bus.consume(contract, name, (payload, delivery) => {
    const { streamSequence } = delivery
    const known = held.get(streamSequence)
    if (known !== undefined) return known
    const traceparent = currentTraceparent() ?? delivery.headers?.get('traceparent')
    const sent = lane.push({ payload, delivery, traceparent: traceparent || undefined })
    held.set(streamSequence, sent)
    return sent.finally(() => held.delete(streamSequence))
  })
  return {
    async stop() {
      await consuming.stop()
      await lane.stop(STOP_MS_MAX)
    },
  }
}

/**
 * What another process had taken and not acknowledged comes again, before anything newer, once the
 * server has waited for it: until then nothing is taken, so that nothing overtakes it.
 */
async function waitForPredecessor(
  { bus }: KafkaParts,
  rights: ConsumerRights,
  signal: AbortSignal,
): Promise<void> {
  const { unacknowledged } = await backlogOf(bus.connection, { service: bus.service, ...rights })
  if (unacknowledged > 0) await pause(rights.ackWaitMs * 1.1, undefined, { signal })
}

/** Sends all, in as many requests as it takes. */
async function sendAll(parts: KafkaParts, records: readonly TopicRecord[]): Promise<void> {
  for (const some of requestsOf(records)) await sendSome(parts, some)
  for (const { topic } of records) {
    if (topic === parts.config.KAFKA_DEAD_LETTERS_TOPIC) parts.figures.deadLettered()
  }
}

/** What Kafka refuses for good becomes a dead letter and holds up nothing. */
async function sendSome(parts: KafkaParts, records: readonly TopicRecord[]): Promise<void> {
  try {
    await parts.sender.send(records)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    for (const record of records) await sendOne(parts, record)
  }
}

async function sendOne(
  { sender, config, figures }: KafkaParts,
  record: TopicRecord,
): Promise<void> {
  try {
    await sender.send([record])
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const letter = deadLetterRecord(config.KAFKA_DEAD_LETTERS_TOPIC, record, {
      code: 'bridge.record-refused',
      reason: `Kafka does not take it into ${record.topic}: ${error.message}`,
      origin: `${record.topic}/${String(record.headers['message-id'])}`,
    })
    await sender.send([withoutValue(letter)])
    figures.deadLettered()
  }
}

async function eventRecords(
  parts: KafkaParts,
  batch: readonly Forwarded<Record<string, unknown>>[],
): Promise<TopicRecord[]> {
  const { KAFKA_INSTANCE, KAFKA_EVENTS_TOPIC: topic } = parts.config
  const sealed = await sealedRecords(parts, batch)
  return batch.flatMap((one) => {
    const { payload, delivery, traceparent } = one
    const { subject: type, messageId } = delivery
    if (NOT_FORWARDED.test(type)) return []
    if (announcedBy(one) !== undefined) return sealed(one)
    const about = subjectOf(type, payload)
    const event = { ...about, topic, messageId, type, traceparent, value: payload }
    return [recordOf(event, [KAFKA_INSTANCE])]
  })
}
