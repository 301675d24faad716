import type { SealedEntry } from '@mumega/contracts/audit'
import { entriesSealed } from '@mumega/contracts/audit-ledger'
import type { PayloadOf } from '@mumega/contracts/define'
import { mismatchOf, readAnnounced } from './announced-entries.ts'
import { deadLetterRecord } from './dead-letter-record.ts'
import type { Forwarded } from './forward.ts'
import type { KafkaParts } from './parts.ts'
import { recordOf, type TopicRecord } from './topic-record.ts'

/** The entries that an event announces; undefined for every other event. */
export function announcedBy({
  payload,
  delivery,
}: Pick<Forwarded, 'payload' | 'delivery'>): readonly SealedEntry[] | undefined {
  if (delivery.subject !== entriesSealed.subject) return undefined
  // What the ledger publishes on its own subject, which nobody else may use, is of its contract.
  return (payload as PayloadOf<typeof entriesSealed>).entries
}

/**
 * Makes the records of announcements: one for each entry, keyed by its chain, so that a chain is
 * read in its order. Each holds the entry itself, whose SHA-256 is the announced hash, so that
 * whoever reads the topic needs nobody to verify it. Nothing in it ever has to be erased: of its
 * payload an entry has a salted commitment, and the salt stays in the ledger. What the log has
 * another way than it was announced becomes a dead letter, without an entry.
 *
 * @throws while the ledger does not answer
 */
export async function sealedRecords(
  parts: KafkaParts,
  batch: readonly Forwarded[],
): Promise<(one: Forwarded) => TopicRecord[]> {
  const found = await readAnnounced(
    parts,
    batch.flatMap((one) => announcedBy(one) ?? []),
  )
  return (one) =>
    (announcedBy(one) ?? []).map((announced) => {
      const entry = found.get(announced.index)
      const mismatch = mismatchOf(announced, entry)
      if (mismatch === undefined) return recordOfEntry(parts, { ...announced, entry })
      return deadLetterRecord(
        parts.config.KAFKA_DEAD_LETTERS_TOPIC,
        recordOfEntry(parts, announced),
        {
          code: 'bridge.record-mismatch',
          reason: `It is not what was announced: ${mismatch}.`,
          origin: `EVENTS/${one.delivery.streamSequence}`,
        },
      )
    })
}

function recordOfEntry(
  { config }: KafkaParts,
  value: SealedEntry & { entry?: string | undefined },
): TopicRecord {
  return recordOf(
    {
      topic: config.KAFKA_AUDIT_TOPIC,
      tenantId: value.chain,
      entity: 'chain',
      messageId: `${value.source}/${value.id}`,
      type: entriesSealed.subject,
      value,
    },
    [config.KAFKA_INSTANCE],
  )
}
