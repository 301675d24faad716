import { getReceipt } from '@mumega/contracts/audit-ledger'
import { getMessage } from '@mumega/contracts/deliveries'
import type { ReplyOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { hasCode } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { entryNotFound, receiptPending } from './errors.ts'

export type Receipt = ReplyOf<typeof getReceipt>

const BRIDGE = 'bridge'
const LEDGER = 'audit-ledger'
// The log signs within a second of growth, so that who asks at once mostly need not ask again.
const WAIT_MS = 2_500

/**
 * The receipt of an entry on the chain of the context's tenant. An agent is disclosed only what it
 * said itself.
 *
 * @throws audit-ledger.entry-not-found, also for another tenant's entry
 */
export async function readReceipt(
  { bus }: Gateway,
  context: CallContext,
  { source, id, disclose = false }: { source: string; id: string; disclose?: boolean },
): Promise<Receipt> {
  if (disclose && context.actor.kind === 'agent') {
    if (source !== BRIDGE) throw entryNotFound(source, id)
    await bus.request(getMessage, { messageId: id }, { context })
  }
  return bus.request(getReceipt, { source, id, waitMs: WAIT_MS, disclose }, { context })
}

/**
 * The receipt of an accepted message: its entry has the message's own id.
 *
 * @throws bridge.message-not-found; gateway.receipt-pending while the entry is on its way to the
 * ledger
 */
export async function readMessageReceipt(
  gateway: Gateway,
  context: CallContext,
  messageId: string,
): Promise<Receipt> {
  try {
    return await readReceipt(gateway, context, { source: BRIDGE, id: messageId })
  } catch (error) {
    if (!hasCode(error, 'audit-ledger.entry-not-found')) throw error
    await gateway.bus.request(getMessage, { messageId }, { context })
    throw receiptPending()
  }
}

/**
 * What stands behind an entry's commitment; after an erasure, the receipt of the entry that tells
 * of it. In the form that `mumega verify --payload` reads.
 *
 * @throws as `readReceipt`; gateway.receipt-pending while that entry is on its way to the ledger
 */
export async function readDisclosure(
  gateway: Gateway,
  context: CallContext,
  event: { source: string; id: string },
): Promise<NonNullable<Receipt['disclosure']> | { redacted: true; receipt: string }> {
  const { disclosure, redactionId } = await readReceipt(gateway, context, {
    ...event,
    disclose: true,
  })
  if (disclosure !== undefined) return disclosure
  if (redactionId === undefined) throw new Error('a payload is there, or was redacted')
  try {
    const redaction = { source: LEDGER, id: redactionId }
    const { text, anchored } = await readReceipt(gateway, context, redaction)
    if (!anchored) throw receiptPending()
    return { redacted: true, receipt: text }
  } catch (error) {
    if (!hasCode(error, 'audit-ledger.entry-not-found')) throw error
    throw receiptPending()
  }
}
