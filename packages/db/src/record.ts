import type { Knex } from 'knex'
import { v7 as uuidv7 } from 'uuid'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { auditAppend, AuditIntent } from '@mumega/contracts/audit'
import { AppError } from '@mumega/errors'
import { currentTraceparent } from '@mumega/telemetry'
import { canonicalJson } from '@mumega/tlog/canonical'
import type { ActOptions, AuditRecord, Outcome, OutgoingEvent } from './act.ts'
import { prepared } from './prepared.ts'

const AUDIT_PAYLOAD_BYTES_MAX = 65_536
const ROWS_MAX = 2_000
const EVENT_BYTES_MAX = 524_288
const checks = new WeakMap<TSchema, Validator>()

function checkOf(schema: TSchema): Validator {
  const check = checks.get(schema) ?? Compile(schema)
  checks.set(schema, check)
  return check
}

/**
 * Sends what the act is put on record by, before it returns. Throws at once what does not fit, so
 * that nothing is committed without its record.
 */
export function record<Reply>(
  trx: Knex.Transaction,
  options: ActOptions,
  outcome: Outcome<Reply>,
): Promise<unknown> {
  const traceparent = currentTraceparent()
  const intents = outcome.audit.map((audit) => intentRow(options, audit, traceparent))
  const events = outcome.events.map((event) => eventRow(event, traceparent))
  const rows = [...intents, ...events]
  if (rows.length > ROWS_MAX) throw new Error(`an act may record ${ROWS_MAX} rows at most`)
  if (rows.length === 0 && options.request === undefined) {
    // After a failure that `change` kept to itself this fails, too; the commit would not.
    return prepared(trx, 'select 1 as nothing', [])
  }
  const reply = JSON.stringify(outcome.reply) ?? 'null'
  // One statement again; the reply is stored also where nothing is published.
  return prepared(
    trx,
    `with replied as (update processed_requests set reply = ? where request_id = ?)
     insert into outbox (audit, subject, message_id, payload, headers)
     select audit, subject, message_id, payload, headers
       from unnest(?::boolean[], ?::text[], ?::text[], ?::text[], ?::text[]) with ordinality
         as rows (audit, subject, message_id, payload, headers, nth)
      order by nth`,
    [
      reply,
      options.request?.requestId ?? null,
      rows.map((row) => row.audit),
      rows.map((row) => row.subject),
      rows.map((row) => row.message_id),
      rows.map((row) => row.payload),
      rows.map((row) => row.headers),
    ],
  )
}

interface OutboxRow {
  audit: boolean
  subject: string
  message_id: string
  payload: string
  headers: string
}

function intentRow(
  { context, clock }: ActOptions,
  audit: AuditRecord,
  traceparent: string | undefined,
): OutboxRow {
  const intent = {
    id: audit.id ?? uuidv7(),
    chain: audit.chain ?? context.tenantId,
    time: clock.now().toISOString(),
    actor: context.actor,
    action: audit.action,
    target: audit.target,
    phase: audit.phase ?? 'fact',
    ...(audit.of === undefined ? {} : { of: audit.of }),
    ...(traceparent === undefined ? {} : { traceparent }),
    payload: audit.payload,
  }
  // The number comes when the relay first claims the row; any valid one stands in for the check.
  if (
    !checkOf(AuditIntent).Check({ ...intent, number: 1 }) ||
    (intent.phase === 'outcome') !== 'of' in intent
  ) {
    throw new Error(`the audit record ${audit.action} of ${audit.target} does not fit its contract`)
  }
  const payloadBytes = Buffer.byteLength(canonicalJson(audit.payload))
  if (payloadBytes > AUDIT_PAYLOAD_BYTES_MAX) {
    throw new AppError(
      'db.audit-payload-too-large',
      'too-large',
      `This act would record ${payloadBytes} bytes; ${AUDIT_PAYLOAD_BYTES_MAX} is the limit.`,
      { details: { limitBytes: AUDIT_PAYLOAD_BYTES_MAX, actualBytes: payloadBytes } },
    )
  }
  return {
    audit: true,
    // The relay fills in the service: only it knows on whose subjects it may publish.
    subject: AUDIT_SUBJECT,
    message_id: intent.id,
    payload: JSON.stringify(intent),
    headers: '{}',
  }
}

const AUDIT_SUBJECT = auditAppend('self').subject

function eventRow(event: OutgoingEvent, traceparent: string | undefined): OutboxRow {
  const { subject, payload: schema } = event.contract
  const payload = JSON.stringify(event.payload)
  // Here and not in the relay: what cannot be published would hold up everything behind it.
  if (!checkOf(schema).Check(event.payload) || Buffer.byteLength(payload) > EVENT_BYTES_MAX) {
    throw new Error(`the event ${subject} does not fit its contract, or ${EVENT_BYTES_MAX} bytes`)
  }
  return {
    audit: false,
    subject,
    message_id: uuidv7(),
    payload,
    headers: JSON.stringify({
      ...event.headers,
      ...(traceparent === undefined ? {} : { traceparent }),
    }),
  }
}
