import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamManager,
  ReplayPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos, type NatsConnection } from '@nats-io/transport-node'
import { AppError } from '@mumega/errors'
import {
  type ConsumerRights,
  RIGHTS,
  findRights,
  type StreamName,
  type StreamRights,
  STREAMS,
} from '@mumega/contracts/topology'
import { differences } from './differences.ts'
import { LIVE_PREFIX, SERVICE_JS_API } from './topology-names.ts'
import { EVENT_BYTES_MAX } from './wire.ts'

export { pullSubjectOf } from './topology-names.ts'
export { natsConfig, type NatsConfigOptions } from './nats-config.ts'

const DEDUPE_WINDOW_MS = 120_000
const HEADER_BYTES_MAX = 20_000

export interface ProvisionOptions {
  /** Servers that hold each stream. Default 1; 3 in a cluster. */
  readonly replicas?: number
}

/**
 * Creates or updates every stream of STREAMS and every durable consumer of RIGHTS, as the admin
 * user, and compares what the server then says with what was asked: old servers ignore options that
 * they do not know.
 *
 * @throws bus.topology-mismatch naming each difference
 */
export async function provisionTopology(
  connection: NatsConnection,
  { replicas = 1 }: ProvisionOptions = {},
): Promise<void> {
  const manager = await jetstreamManager(connection)
  const complaints: string[] = []
  for (const [name, rights] of Object.entries(STREAMS)) {
    // The keys of STREAMS are its names.
    const wanted = streamConfig(name as StreamName, rights, replicas)
    complaints.push(...differences(name, wanted, await putStream(manager, wanted)))
  }
  for (const consumer of Object.values(RIGHTS).flatMap(({ consumers }) => consumers)) {
    const wanted = consumerConfig(consumer)
    const place = `${consumer.stream}/${consumer.name}`
    complaints.push(...differences(place, wanted, await putConsumer(manager, consumer, wanted)))
  }
  if (complaints.length > 0) throw topologyMismatch(complaints)
}

/**
 * Compares a service's own consumers on the server with what RIGHTS says, with nothing but the
 * service's own permissions.
 *
 * @throws bus.topology-mismatch naming each difference; bus.unavailable
 */
export async function checkTopology(connection: NatsConnection, service: string): Promise<void> {
  const manager = await consumersOf(connection)
  const complaints: string[] = []
  for (const consumer of findRights(service)?.consumers ?? []) {
    const place = `${consumer.stream}/${consumer.name}`
    const found = await findConsumer(manager, consumer)
    if (found === undefined) complaints.push(`${place} does not exist`)
    else complaints.push(...differences(place, consumerConfig(consumer), found))
  }
  if (complaints.length > 0) throw topologyMismatch(complaints)
}

function streamConfig(name: StreamName, rights: StreamRights, replicas: number) {
  const isQueue = rights.retention === 'workqueue'
  return {
    name,
    subjects: [...rights.subjects],
    retention: isQueue ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    storage: StorageType.File,
    // A full queue refuses the producer, whose outbox keeps the message; a full history forgets its
    // oldest.
    discard: isQueue ? DiscardPolicy.New : DiscardPolicy.Old,
    max_age: nanos(rights.maxAgeMs),
    max_bytes: rights.maxBytes,
    // A dead letter holds another event's bytes as base64 and lives in EVENTS, so only EVENTS takes
    // larger ones.
    max_msg_size: name === 'EVENTS' ? -1 : EVENT_BYTES_MAX + HEADER_BYTES_MAX,
    duplicate_window: nanos(DEDUPE_WINDOW_MS),
    num_replicas: replicas,
    // Direct reads would be answered by any replica on a subject of their own; nobody needs them.
    allow_direct: false,
    deny_delete: true,
    deny_purge: true,
    // For those who listen live. AUDIT and WAKE have no listeners, and their messages are nobody
    // else's to read.
    ...(!isQueue && { republish: { src: '>', dest: `${LIVE_PREFIX}>` } }),
  } satisfies Partial<StreamConfig>
}

function consumerConfig(consumer: ConsumerRights) {
  return {
    durable_name: consumer.name,
    filter_subject: consumer.filterSubject,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    replay_policy: ReplayPolicy.Instant,
    ack_wait: nanos(consumer.ackWaitMs),
    max_ack_pending: consumer.maxAckPending,
    // The bus counts deliveries itself and stores a dead letter after `maxDeliver`. A limit of the
    // server's would leave the message lying undelivered, without a dead letter, when the process
    // dies in its last delivery.
    max_deliver: -1,
  } satisfies Partial<ConsumerConfig>
}

// The client writes defaults into the object it is given, so it gets a copy.
async function putStream(
  manager: JetStreamManager,
  wanted: ReturnType<typeof streamConfig>,
): Promise<StreamConfig> {
  const found = await orMissing(manager.streams.info(wanted.name))
  if (found === undefined) return (await manager.streams.add({ ...wanted })).config
  return (await manager.streams.update(wanted.name, { ...wanted })).config
}

async function putConsumer(
  manager: JetStreamManager,
  rights: ConsumerRights,
  wanted: ReturnType<typeof consumerConfig>,
): Promise<ConsumerConfig> {
  const found = await findConsumer(manager, rights)
  if (found === undefined) return (await manager.consumers.add(rights.stream, { ...wanted })).config
  return (await manager.consumers.update(rights.stream, rights.name, { ...wanted })).config
}

/** The little of JetStream's API that a service may call. */
export function consumersOf(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, { checkAPI: false, apiPrefix: SERVICE_JS_API })
}

/** What a service's own durable consumer still has before it. @throws bus.consumer-not-found */
export async function backlogOf(
  connection: NatsConnection,
  consumer: { service: string; name: string },
): Promise<{ waiting: number; unacknowledged: number }> {
  const rights = rightsTo(consumer.service, consumer.name)
  const manager = await consumersOf(connection)
  const found = await manager.consumers.info(rights.stream, rights.name)
  return { waiting: found.num_pending, unacknowledged: found.num_ack_pending }
}

/** @throws bus.consumer-not-found when RIGHTS gives the service no such consumer. */
export function rightsTo(service: string, name: string): ConsumerRights {
  const rights = findRights(service)?.consumers.find((consumer) => consumer.name === name)
  if (rights !== undefined) return rights
  throw consumerNotFound(service, name)
}

export function consumerNotFound(service: string, name: string): AppError {
  const message = `${service} has no consumer ${name.slice(0, 100)}.`
  return new AppError('bus.consumer-not-found', 'not-found', message)
}

/** A consumer as the server has it, or nothing when it has none. */
export async function findConsumer(
  manager: JetStreamManager,
  { stream, name }: ConsumerRights,
): Promise<ConsumerConfig | undefined> {
  return (await orMissing(manager.consumers.info(stream, name)))?.config
}

async function orMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === 404) return undefined
    throw error
  }
}

function topologyMismatch(complaints: readonly string[]): AppError {
  const message = `The server's streams are not as asked: ${complaints.join('; ')}.`
  return new AppError('bus.topology-mismatch', 'bug', message)
}
