import type { Kafka } from 'kafkajs'
import { logger } from '@mumega/telemetry'
import type { TopicRecord } from './topic-record.ts'

// A broker that hides what one may not know of answers as if it were not there, or the other way
// round.
const ABSENCES = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED'])

/** The type of Kafka's error, where it is one of these; the client's errors wrap one another. */
export function errorTypeOf(error: unknown, types: ReadonlySet<string>): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('type' in at && types.has(String(at.type))) return String(at.type)
  }
  return undefined
}

/** Whether Kafka does not have a topic, as far as one may know. */
export function isAbsence(error: unknown): boolean {
  return errorTypeOf(error, ABSENCES) !== undefined
}

/**
 * Of the topics of what could not be sent, those that Kafka does not have: its refusal names none.
 * All of them where Kafka does not say; none where it was refused for another reason.
 */
export async function absentOf(
  kafka: Kafka,
  error: unknown,
  records: readonly TopicRecord[],
): Promise<string[]> {
  if (!isAbsence(error)) return []
  const topics = [...new Set(records.map(({ topic }) => topic))]
  if (topics.length === 1) return topics
  const admin = kafka.admin({ retry: { retries: 0 } })
  try {
    await admin.connect()
    const absent: string[] = []
    for (const topic of topics) {
      // It makes no topic by asking, as the client's administrator never does.
      const found = await admin.fetchTopicMetadata({ topics: [topic] }).catch((reason: unknown) => {
        if (isAbsence(reason)) return undefined
        throw reason
      })
      if (found === undefined) absent.push(topic)
    }
    return absent
  } catch (reason) {
    logger('bridge').debug({ error: reason }, 'kafka-topics-not-asked')
    return topics
  } finally {
    void admin.disconnect().catch(() => undefined)
  }
}
