import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { v7 as uuidv7 } from 'uuid'
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { Clock } from '@mumega/config/clock'
import { auditAppend, AuditIntent } from '@mumega/contracts/audit'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { AppError } from '@mumega/errors'
import { currentTraceparent } from '@mumega/telemetry'
import { canonicalJson } from '@mumega/tlog/canonical'
import { outboxListeners, takeTurn } from './db.ts'
import { prepared } from './prepared.ts'
import { asUnavailable } from './unavailable.ts'

/**
 * What an act says of itself on the ledger. The rest of the entry comes from its context and its
 * clock.
 */
export interface AuditRecord {
  /** UUIDv7, chosen by the caller where others must know it beforehand. */
  id?: string
  /** Dotted: `message.accepted`. */
  action: string
  /** `<kind>:<id>`. */
  target: string
  /** `fact` when absent. */
  phase?: AuditIntent['phase']
  /** The intent that an outcome closes. */
  of?: string
  /** A plain JSON object of at most 64 KiB; it never reaches the log itself. */
  payload: Record<string, unknown>
  /** The tenant's chain when absent. */
  chain?: string
}

export interface OutgoingEvent {
  readonly contract: EventContract
  readonly payload: unknown
  readonly headers: Readonly<Record<string, string>>
}

export interface Outcome<Reply> {
  reply: Reply
  /** Empty when nothing changed. */
  audit: AuditRecord[]
  events: OutgoingEvent[]
}

export interface ActOptions {
  context: CallContext
  clock: Clock
  /** Makes the act once per `requestId`, for at least 30 days. */
  request?: { requestId: string; command: string; content: unknown }
}

const AUDIT_PAYLOAD_BYTES_MAX = 65_536
const ROWS_MAX = 2_000
const EVENT_BYTES_MAX = 524_288
const checks = new WeakMap<TSchema, Validator>()

function checkOf(schema: TSchema): Validator {
  const check = checks.get(schema) ?? Compile(schema)
  checks.set(schema, check)
  return check
}

/** Pairs a contract with its payload, to be returned from an act. */
export function outgoing<Contract extends EventContract>(
  contract: Contract,
  payload: PayloadOf<Contract>,
  headers: Record<string, string> = {},
): OutgoingEvent {
  return { contract, payload, headers }
}

/** The outcome of an act that found nothing to change: no audit, no event. */
export function unchanged<Reply>(reply: Reply): Outcome<Reply> {
  return { reply, audit: [], events: [] }
}

/**
 * Makes one act: `change` writes through `trx` and returns what it did; the audit intents and
 * events it returns are stored after it in the same transaction, so that all of it is committed or
 * nothing. It is the only way to write an intent. With `request`, a second call gets the first
 * reply and changes nothing.
 *
 * @throws db.request-id-reused (the id was used for another command or content),
 * db.audit-payload-too-large, db.unavailable (outcome unknown: call again with the same request
 * id), db.busy (nothing was done), and whatever `change` throws.
 */
export async function act<Reply>(
  db: Knex,
  options: ActOptions,
  change: (trx: Knex.Transaction) => Promise<Outcome<Reply>>,
): Promise<Reply> {
  const reply = await inTurn(db, options.context, () =>
    db.transaction(async (trx) => {
      const earlier = await begin(trx, options)
      // The stored text was written by this very command from a Reply, as its content hash proves.
      if (earlier !== undefined) return JSON.parse(earlier) as Reply
      const outcome = await change(trx)
      await record(trx, options, outcome)
      return outcome.reply
    }),
  )
  for (const listener of outboxListeners(db)) listener()
  return reply
}

/**
 * Reads in one read-only transaction that sees the context's tenant only. @throws db.unavailable,
 * db.busy
 */
export async function readAs<Result>(
  db: Knex,
  context: CallContext,
  query: (trx: Knex.Transaction) => Promise<Result>,
): Promise<Result> {
  return inTurn(db, context, () =>
    db.transaction(
      async (trx) => {
        await setTenant(trx, context.tenantId)
        return query(trx)
      },
      { readOnly: true },
    ),
  )
}

function inTurn<Result>(
  db: Knex,
  context: CallContext,
  work: () => Promise<Result>,
): Promise<Result> {
  return takeTurn(db, context.tenantId, () => asUnavailable(work))
}

async function setTenant(trx: Knex.Transaction, tenantId: string): Promise<void> {
  await prepared(trx, `select set_config('mumega.tenant_id', ?, true)`, [tenantId])
}

/** Sets the tenant and takes the request id; the stored reply when the request was already made. */
async function begin(trx: Knex.Transaction, options: ActOptions): Promise<string | undefined> {
  const { tenantId } = options.context
  if (options.request === undefined) {
    await setTenant(trx, tenantId)
    return undefined
  }
  const { requestId, command, content } = options.request
  const contentHash = hashOf({ tenantId, content })
  // Both in one statement: every round trip of an act is paid by every request. It waits here for
  // another transaction that holds the same id, then sees what that one committed.
  const taken = await prepared(
    trx,
    `with tenant as materialized (select set_config('mumega.tenant_id', ?, true))
     insert into processed_requests (request_id, command, content_hash)
     select ?, ?, ? from tenant on conflict do nothing`,
    [tenantId, requestId, command, contentHash],
  )
  if (taken.rowCount === 1) return undefined
  const row = await trx<{
    request_id: string
    command: string
    content_hash: Buffer
    reply: string
  }>('processed_requests')
    .where({ request_id: requestId })
    .first()
  if (row?.command === command && row.content_hash.equals(contentHash)) return row.reply
  throw new AppError(
    'db.request-id-reused',
    'unprocessable',
    'This request id, or idempotency key, was used before with other content. Use a new one.',
  )
}

async function record<Reply>(
  trx: Knex.Transaction,
  options: ActOptions,
  outcome: Outcome<Reply>,
): Promise<void> {
  const traceparent = currentTraceparent()
  const intents = outcome.audit.map((audit) => intentRow(options, audit, traceparent))
  const events = outcome.events.map((event) => eventRow(event, traceparent))
  const rows = [...intents, ...events]
  if (rows.length > ROWS_MAX) throw new Error(`an act may record ${ROWS_MAX} rows at most`)
  if (rows.length === 0 && options.request === undefined) return
  const reply = JSON.stringify(outcome.reply) ?? 'null'
  // One statement again; the reply is stored also where nothing is published.
  await prepared(
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

/** SHA-256 of the canonical content, so that the order of keys does not make another request. */
function hashOf(content: unknown): Buffer {
  const plain: unknown = JSON.parse(JSON.stringify(content))
  return createHash('sha256').update(canonicalJson(plain)).digest()
}
