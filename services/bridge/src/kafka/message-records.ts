import { messageAccepted } from '@mumega/contracts/bridge'
import type { PayloadOf } from '@mumega/contracts/define'
import { readAs } from '@mumega/db/act'
import { BRIDGE_CONTEXT } from '../identity.ts'
import { listMessages, type StoredMessage } from '../messages/message-repository.ts'
import { PATH_ON_BUS } from '../messages/message.ts'
import type { Forwarded } from './forward.ts'
import type { KafkaParts } from './parts.ts'
import { recordOf, type TopicRecord } from './topic-record.ts'

type Accepted = PayloadOf<typeof messageAccepted>

/**
 * Accepted messages as records, in their order, keyed by the sender: what one agent says is read in
 * the order in which it said it. The copy on the bus has no text, so it is read from the messages,
 * with which the copy was committed, as the tenant whose message it is.
 */
export async function messageRecords(
  { bridge, config }: KafkaParts,
  batch: readonly Forwarded<Accepted>[],
): Promise<TopicRecord[]> {
  const stored = new Map<string, StoredMessage>()
  for (const [tenantId, messageIds] of byTenant(batch)) {
    const found = await readAs(bridge.db, { ...BRIDGE_CONTEXT, tenantId }, (trx) =>
      listMessages(trx, { tenantId, messageIds }),
    )
    for (const message of found) stored.set(message.messageId, message)
  }
  return batch.map(({ payload, delivery, traceparent }) => {
    const { text, ...fields } = stored.get(payload.messageId) ?? {}
    const passed = delivery.headers?.get(PATH_ON_BUS) ?? ''
    return recordOf(
      {
        topic: config.KAFKA_MESSAGES_TOPIC,
        tenantId: payload.tenantId,
        entity: payload.from,
        messageId: payload.messageId,
        type: messageAccepted.subject,
        time: payload.sentAt,
        traceparent,
        value: { ...payload, ...fields, ...(config.KAFKA_TEXTS && { text }) },
      },
      [...passed.split(',').filter((name) => name !== ''), config.KAFKA_INSTANCE],
    )
  })
}

function byTenant(batch: readonly Forwarded<Accepted>[]): Map<string, string[]> {
  const ids = new Map<string, string[]>()
  for (const { payload } of batch) {
    const found = ids.get(payload.tenantId)
    if (found === undefined) ids.set(payload.tenantId, [payload.messageId])
    else found.push(payload.messageId)
  }
  return ids
}
