import { hash } from 'node:crypto'
import type { OutboxMessage } from './relay.ts'
import type { StoredMessage } from './publishing.ts'

/** One publication, and the rows that it takes out of the outbox. */
export interface Publication extends StoredMessage {
  readonly positions: readonly number[]
}

const INTENTS_MAX = 64
const PACK_BYTES_MAX = 524_288

/**
 * The publications of one stream's rows, in the same order. Neighbouring audit intents share a
 * message: the ledger commits them together, and a message costs it more than an intent.
 *
 * A pack's id is the hash of its content. An id made of some of its intents is not enough: a row
 * that commits late may come between two that were published, and a pack that holds it would count
 * as the duplicate of one that does not.
 */
export function packed(rows: readonly OutboxMessage[]): Publication[] {
  const publications: Publication[] = []
  let pack: { rows: OutboxMessage[]; texts: string[]; bytes: number } | undefined

  function closePack(): void {
    const first = pack?.rows[0]
    if (pack === undefined || first === undefined) return
    const body = Buffer.from(`{"intents":[${pack.texts.join(',')}]}`)
    publications.push({
      subject: first.subject,
      messageId: hash('sha256', body, 'hex'),
      body,
      headers: first.headers,
      positions: pack.rows.map(({ position }) => position),
    })
    pack = undefined
  }

  for (const row of rows) {
    const text = JSON.stringify(row.payload)
    if (!row.audit) {
      closePack()
      const { subject, messageId, headers, position } = row
      publications.push({
        subject,
        messageId,
        headers,
        body: Buffer.from(text),
        positions: [position],
      })
      continue
    }
    const bytes = Buffer.byteLength(text)
    const isFull =
      pack !== undefined &&
      (pack.rows.length === INTENTS_MAX || pack.bytes + bytes > PACK_BYTES_MAX)
    if (isFull) closePack()
    pack ??= { rows: [], texts: [], bytes: 0 }
    pack.rows.push(row)
    pack.texts.push(text)
    pack.bytes += bytes
  }
  closePack()
  return publications
}
