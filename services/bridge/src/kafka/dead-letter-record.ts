import { MESSAGE_ID, type TopicRecord } from './topic-record.ts'

/** Why a record is a dead letter, and where it came from. */
export interface DeadLetterReason {
  code: string
  reason: string
  /** `<topic>/<partition>/<offset>`, or `<stream>/<sequence>` of what Kafka refuses. */
  origin: string
}

// Whoever reads dead letters must not be able to speak for an agent.
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization'])
const REASON_CHARACTERS_MAX = 500

/** The record as it came, but for its token, with the reason in its headers. */
export function deadLetterRecord(
  topic: string,
  record: Omit<TopicRecord, 'topic'>,
  { code, reason, origin }: DeadLetterReason,
): TopicRecord {
  const kept = Object.entries(record.headers).filter(
    ([name]) => !SECRET_HEADERS.has(name.toLowerCase()),
  )
  return {
    topic,
    key: record.key,
    value: record.value,
    headers: {
      ...Object.fromEntries(kept),
      'dead-letter-code': code,
      'dead-letter-reason': reason.slice(0, REASON_CHARACTERS_MAX),
      'dead-letter-origin': origin,
      ...(record.headers[MESSAGE_ID] === undefined && { [MESSAGE_ID]: origin }),
    },
  }
}

/** For a topic that takes less than the record's own: the origin says where the rest is. */
export function withoutValue(record: TopicRecord): TopicRecord {
  const bytes = record.value === null ? 0 : Buffer.byteLength(record.value)
  const headers = Object.entries(record.headers).filter(([name]) => !name.startsWith('x-'))
  return {
    ...record,
    value: null,
    headers: { ...Object.fromEntries(headers), 'dead-letter-value-bytes': String(bytes) },
  }
}
