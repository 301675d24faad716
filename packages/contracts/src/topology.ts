import { SUBSTRATE } from './scalars.ts'

/**
 * Who may do what on the bus, in one place: the NATS users, the streams and the durable consumers
 * are generated from it, and a test tries everything that it does not grant.
 */
export interface ServiceRights {
  /** Other services whose `rpc.<service>.>` this one may call. */
  readonly calls: readonly string[]
  /**
   * Subjects heard live, without a place in the stream: for waking only, never as the sole path of
   * a fact.
   */
  readonly hears: readonly string[]
  /** Its durable consumers on JetStream. */
  readonly consumers: readonly ConsumerRights[]
}

export interface ConsumerRights {
  readonly stream: StreamName
  /** Durable name, unique in the stream. */
  readonly name: string
  /** Of the stream's subjects, the ones this consumer gets. nats-server 2.9 takes exactly one. */
  readonly filterSubject: string
  /** Messages handed out and not yet acknowledged. */
  readonly maxAckPending: number
  /** Real milliseconds until an unacknowledged message is handed out again. */
  readonly ackWaitMs: number
  /**
   * Deliveries before the message becomes a dead letter. -1: for ever, where nothing may be given
   * up.
   */
  readonly maxDeliver: number
}

export type StreamName = 'EVENTS' | 'AUDIT' | 'BUS' | 'WAKE'

export interface StreamRights {
  readonly subjects: readonly string[]
  /** Real milliseconds that a message is kept; 0 keeps it until it is acknowledged. */
  readonly maxAgeMs: number
  readonly maxBytes: number
  readonly retention: 'limits' | 'workqueue'
}

const DAY_MS = 86_400_000
const GIB = 1_073_741_824

export const STREAMS: Readonly<Record<StreamName, StreamRights>> = {
  EVENTS: { subjects: ['evt.>'], maxAgeMs: 14 * DAY_MS, maxBytes: 4 * GIB, retention: 'limits' },
  // No age limit and `discard: new`: a full stream refuses the producer, whose outbox keeps the
  // intent.
  AUDIT: { subjects: ['aud.>'], maxAgeMs: 0, maxBytes: 8 * GIB, retention: 'workqueue' },
  BUS: { subjects: ['bus.>'], maxAgeMs: 14 * DAY_MS, maxBytes: 4 * GIB, retention: 'limits' },
  WAKE: { subjects: ['wake.>'], maxAgeMs: 0, maxBytes: GIB, retention: 'workqueue' },
}

const MESSAGES = 'bus.bridge.v1.message'

/**
 * What goes to Kafka waits for Kafka, however long that is away: it is never a dead letter of the
 * bus. Few are held, as each may be large; a batch of so many is one request to a broker.
 */
const KAFKA = { maxAckPending: 128, ackWaitMs: 10_000, maxDeliver: -1 } as const

export const RIGHTS: Readonly<Record<string, ServiceRights>> = {
  gateway: {
    calls: ['gateway', 'bridge', 'audit-ledger', 'objectives', 'gate'],
    hears: [MESSAGES, 'evt.bridge.v1.message-redelivered', 'evt.gateway.v1.token-revoked'],
    consumers: [],
  },
  bridge: {
    calls: ['bridge', 'gateway', 'audit-ledger'],
    hears: [MESSAGES, 'evt.gateway.v1.ask-abandoned'],
    consumers: [
      {
        stream: 'EVENTS',
        name: 'bridge-dead-letters',
        filterSubject: 'evt.*.v1.dead-lettered',
        maxAckPending: 64,
        ackWaitMs: 30_000,
        maxDeliver: 10,
      },
      // Read only by a bridge that has Kafka. Unread they keep nothing: both streams forget by age.
      { ...KAFKA, stream: 'BUS', name: 'bridge-kafka-messages', filterSubject: MESSAGES },
      { ...KAFKA, stream: 'EVENTS', name: 'bridge-kafka-events', filterSubject: 'evt.>' },
    ],
  },
  objectives: { calls: [], hears: [], consumers: [] },
  // Which key signed is the business of those who have the keys.
  gate: { calls: ['objectives'], hears: [], consumers: [] },
  // Who mends what broke opens the sprint that is to keep it from breaking again.
  healer: { calls: ['gate'], hears: [], consumers: [] },
  'audit-ledger': {
    calls: [],
    hears: [],
    consumers: [
      {
        stream: 'AUDIT',
        name: 'audit-ledger',
        filterSubject: 'aud.*.v1.append',
        // More than two ledgers hold: what a killed one had taken must not keep the next one idle.
        maxAckPending: 16_384,
        // What a killed ledger had taken comes back after this: as soon as another may lead. A
        // ledger that lives says of what it holds longer that it is working on it.
        ackWaitMs: 2_000,
        maxDeliver: -1,
      },
    ],
  },
}

/**
 * Those of a service; undefined for every other name, `constructor` included: names come from
 * strangers.
 */
export function findRights(service: string): ServiceRights | undefined {
  return Object.hasOwn(RIGHTS, service) ? RIGHTS[service] : undefined
}

/**
 * Every service that runs as a process, in the order in which they start; they stop in the reverse
 * order.
 */
export const SERVICES: readonly string[] = [
  'audit-ledger',
  'bridge',
  'objectives',
  'gate',
  'gateway',
]

/** Names that no tenant may take. */
export const RESERVED_TENANTS: readonly string[] = [SUBSTRATE]
