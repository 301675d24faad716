import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import {
  CORRELATION_ID_BYTES_MAX,
  messageAccepted,
  TEXT_BYTES_MAX,
  type ContentType,
  type InboxMessage,
} from '@mumega/contracts/bridge'
import { isCalendarTime } from '@mumega/contracts/scalars'
import { outgoing, type AuditRecord, type OutgoingEvent } from '@mumega/db/act'
import { invalidTime } from '../errors.ts'
import { checkText } from '../text.ts'

/**
 * What a sender asks for, before the bridge gives it an id. It is also what makes a repeated
 * request the same.
 */
export interface Draft {
  from: string
  /** Absent: every other agent of the tenant. */
  to?: string
  kind: InboxMessage['kind']
  text: string
  contentType: Static<typeof ContentType>
  replyTo?: string
  correlationId?: string
  /** Only of an ask, in seconds of the system's time. */
  timeoutSeconds?: number
  /** ISO 8601. Never of an ask. */
  expiresAt?: string
}

export interface Message {
  tenantId: string
  messageId: string
  from: string
  kind: InboxMessage['kind']
  text: string
  contentType: Static<typeof ContentType>
  replyTo?: string
  correlationId?: string
  deadline?: Date
  expiresAt?: Date
  sentAt: Date
}

/** @throws bridge.text-too-large, bridge.invalid-text, bridge.invalid-time */
export function checkDraft({ text, correlationId, expiresAt }: Draft): void {
  if (expiresAt !== undefined && !isCalendarTime(expiresAt)) throw invalidTime('expiresAt')
  checkText({ field: 'text', value: text, limitBytes: TEXT_BYTES_MAX })
  if (correlationId === undefined) return
  const limitBytes = CORRELATION_ID_BYTES_MAX
  checkText({ field: 'correlationId', value: correlationId, limitBytes })
}

/** The message that a draft becomes. */
export function messageOf(
  draft: Draft,
  { tenantId, messageId, sentAt }: Pick<Message, 'tenantId' | 'messageId' | 'sentAt'>,
): Message {
  const { from, kind, text, contentType, replyTo, correlationId, timeoutSeconds } = draft
  const { expiresAt } = draft
  return {
    tenantId,
    messageId,
    from,
    kind,
    text,
    contentType,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(timeoutSeconds === undefined
      ? {}
      : { deadline: new Date(sentAt.getTime() + timeoutSeconds * 1_000) }),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
    sentAt,
  }
}

/**
 * What the ledger is told: enough to prove what was sent to whom, without a second copy of the
 * text. The recipients of a broadcast are their number and a digest, because 1,000 names would not
 * fit into an entry.
 */
export function auditOf(message: Message, recipients: readonly string[]): AuditRecord {
  const { messageId, from, kind, text, contentType, replyTo, correlationId } = message
  const { deadline, expiresAt } = message
  return {
    // The receipt of message M is therefore the entry (bridge, M).
    id: messageId,
    action: 'message.accepted',
    target: `message:${messageId}`,
    payload: {
      from,
      ...(kind === 'broadcast'
        ? { recipients: recipients.length, recipientsSha256: sha256(namesText(recipients)) }
        : { to: recipients[0] }),
      kind,
      contentType,
      textBytes: Buffer.byteLength(text),
      textSha256: sha256(text),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
    },
  }
}

/** On the bus, the systems that a message had passed before it came to this one. */
export const PATH_ON_BUS = 'Mumega-Path'

/** The copy for live readers; none when there is nobody to wake. */
export function eventsOf(
  message: Message,
  recipients: readonly string[],
  path: readonly string[] = [],
): OutgoingEvent[] {
  const [first] = recipients
  if (first === undefined) return []
  const { tenantId, messageId, from, kind, replyTo, sentAt } = message
  const payload = {
    tenantId,
    to: [...recipients],
    messageId,
    from,
    kind,
    ...(replyTo === undefined ? {} : { replyTo }),
    sentAt: sentAt.toISOString(),
  }
  const headers = {
    'Mumega-To': kind === 'broadcast' ? '*' : first,
    ...(path.length > 0 && { [PATH_ON_BUS]: path.join(',') }),
  }
  return [outgoing(messageAccepted, payload, headers)]
}

/** One name a line, sorted: what `recipientsSha256` is taken over. */
function namesText(names: readonly string[]): string {
  return [...names]
    .sort()
    .map((name) => `${name}\n`)
    .join('')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
