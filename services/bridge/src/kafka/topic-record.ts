import { SUBSTRATE } from '@mumega/contracts/scalars'

/** One record for a topic. */
export interface TopicRecord {
  topic: string
  key: string | Buffer | null
  value: string | Buffer | null
  headers: Record<string, string | Buffer>
}

/** Something that happened, before it is a record. */
export interface Happening {
  topic: string
  tenantId: string
  /** What of the tenant's it is about: records about one thing are in one order. */
  entity: string
  /** The same each time that it is forwarded: readers drop by it what they have had. */
  messageId: string
  /** The subject on the bus. */
  type: string
  /** ISO 8601. */
  time?: string | undefined
  traceparent?: string | undefined
  value: unknown
}

/** Names the systems that a record has passed, the first one first. */
export const PATH_HEADER = 'mumega-path'

/** By which a reader drops what it has had, and an agent makes its message once. */
export const MESSAGE_ID = 'message-id'

/**
 * A record in the binary mode of CloudEvents 1.0's Kafka binding: its attributes are headers, and
 * the value is the thing itself. `path` names the systems that it has passed, ours at the end.
 */
export function recordOf(happening: Happening, path: readonly string[]): TopicRecord {
  const { topic, tenantId, entity, messageId, type, time, traceparent, value } = happening
  return {
    topic,
    key: `${tenantId}/${entity}`,
    value: JSON.stringify(value),
    headers: {
      ce_specversion: '1.0',
      ce_id: messageId,
      ce_source: `/mumega/${path.at(-1) ?? ''}/${type.split('.')[1] ?? ''}`,
      ce_type: type,
      ce_subject: entity,
      ...(time !== undefined && { ce_time: time }),
      'content-type': 'application/json',
      [MESSAGE_ID]: messageId,
      [PATH_HEADER]: path.join(','),
      ...(traceparent !== undefined && { traceparent }),
    },
  }
}

// A broker's `message.max.bytes`, 1 MB unless it is told otherwise, holds for all of a partition's
// records in a request: more would be refused, and sent one by one.
const REQUEST_BYTES_MAX = 900_000
const FRAME_BYTES = 64

/** The records in their order, in as many parts as requests to Kafka are needed for them. */
export function requestsOf(records: readonly TopicRecord[]): TopicRecord[][] {
  const requests: TopicRecord[][] = []
  let bytes = 0
  for (const record of records) {
    const more = bytesOf(record)
    const last = requests.at(-1)
    if (last === undefined || bytes + more > REQUEST_BYTES_MAX) {
      requests.push([record])
      bytes = more
    } else {
      last.push(record)
      bytes += more
    }
  }
  return requests
}

function bytesOf({ key, value, headers }: TopicRecord): number {
  const parts = [key, value, ...Object.entries(headers).flat()]
  return parts.reduce(
    (sum, part) => sum + (part === null ? 0 : Buffer.byteLength(part)),
    FRAME_BYTES,
  )
}

// Of a fact's fields, the ones that say what it is about; the first that it has counts.
const ENTITY_FIELDS = ['agent', 'name', 'principal', 'messageId', 'tokenId', 'id'] as const
const TIME_FIELDS = ['at', 'occurredAt', 'sentAt'] as const

/**
 * Whose an event is and what it is about, by the names that contracts give such fields. One that
 * names nothing is about its domain, so that these are in one order too.
 */
export function subjectOf(
  type: string,
  payload: Readonly<Record<string, unknown>>,
): Pick<Happening, 'tenantId' | 'entity' | 'time'> {
  const tenantId = textOf(payload, ['tenantId', 'chain']) ?? SUBSTRATE
  const entity = textOf(payload, ENTITY_FIELDS) ?? type.split('.')[1] ?? type
  return { tenantId, entity, time: textOf(payload, TIME_FIELDS) }
}

function textOf(
  payload: Readonly<Record<string, unknown>>,
  names: readonly string[],
): string | undefined {
  for (const name of names) {
    const value = payload[name]
    if (typeof value === 'string') return value
  }
  return undefined
}
