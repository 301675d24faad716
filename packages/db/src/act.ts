import { createHash } from 'node:crypto'
import { types } from 'node:util'
import type { Knex } from 'knex'
import type { Clock } from '@mumega/config/clock'
import type { AuditIntent } from '@mumega/contracts/audit'
import type { EventContract, PayloadOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { AppError } from '@mumega/errors'
import { canonicalJson } from '@mumega/tlog/canonical'
import { outboxListeners, takeTurn } from './db.ts'
import { prepared } from './prepared.ts'
import { record } from './record.ts'
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
 * reply and changes nothing: what its `change` began with was refused by the server. `change`
 * therefore does nothing but through `trx`.
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
  const { context, request } = options
  const reply = await inTurn(db, context, () =>
    transact(db, options, change).catch((error: unknown) => {
      if (request !== undefined && isTaken(error)) return replyTo<Reply>(db, { context, request })
      throw error
    }),
  )
  for (const listener of outboxListeners(db)) listener()
  return reply
}

async function transact<Reply>(
  db: Knex,
  options: ActOptions,
  change: (trx: Knex.Transaction) => Promise<Outcome<Reply>>,
): Promise<Reply> {
  let recorded: Promise<unknown> = Promise.resolve()
  const reply = await db.transaction(async (trx) => {
    const outcome = await behind(begin(trx, options), () => change(trx))
    // Sent, and the commit right behind it: where it fails the server rolls back instead.
    recorded = record(trx, options, outcome)
    recorded.catch(() => undefined)
    return outcome.reply
  })
  await recorded
  return reply
}

/**
 * Has what `work` begins with sent right behind what is sent already: where that fails, the server
 * refuses the rest. @throws what `sent` throws, before anything that `work` throws
 */
async function behind<Result>(
  sent: Promise<unknown>,
  work: () => Promise<Result>,
): Promise<Result> {
  // Also where `work` throws before it sends anything, `sent` is waited for.
  const [begun, worked] = await Promise.allSettled([sent, (async () => work())()])
  if (begun.status === 'rejected') throw begun.reason
  if (worked.status === 'rejected') throw worked.reason
  return worked.value
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
    db.transaction((trx) => behind(setTenant(trx, context.tenantId), () => query(trx)), {
      readOnly: true,
    }),
  )
}

function inTurn<Result>(
  db: Knex,
  context: CallContext,
  work: () => Promise<Result>,
): Promise<Result> {
  return takeTurn(db, context.tenantId, () => asUnavailable(work))
}

function setTenant(trx: Knex.Transaction, tenantId: string): Promise<unknown> {
  return prepared(trx, `select set_config('mumega.tenant_id', ?, true)`, [tenantId])
}

/** Sets the tenant, and takes the request id: fails where that is taken, after waiting for it. */
function begin(trx: Knex.Transaction, { context, request }: ActOptions): Promise<unknown> {
  const { tenantId } = context
  if (request === undefined) return setTenant(trx, tenantId)
  const { requestId, command } = request
  return prepared(
    trx,
    `with tenant as materialized (select set_config('mumega.tenant_id', ?, true))
     insert into processed_requests (request_id, command, content_hash)
     select ?, ?, ? from tenant`,
    [tenantId, requestId, command, contentHashOf(context, request)],
  )
}

function isTaken(error: unknown): boolean {
  return (
    types.isNativeError(error) &&
    'constraint' in error &&
    error.constraint === 'processed_requests_pkey'
  )
}

/** What was replied to the request. @throws db.request-id-reused */
async function replyTo<Reply>(
  db: Knex,
  { context, request }: Required<Pick<ActOptions, 'context' | 'request'>>,
): Promise<Reply> {
  const row = await db<{
    request_id: string
    command: string
    content_hash: Buffer
    reply: string
  }>('processed_requests')
    .where({ request_id: request.requestId })
    .first()
  const hash = contentHashOf(context, request)
  if (row?.command === request.command && row.content_hash.equals(hash)) {
    // Written by this very command from a Reply, as its content hash proves.
    return JSON.parse(row.reply) as Reply
  }
  throw new AppError(
    'db.request-id-reused',
    'unprocessable',
    'This request id, or idempotency key, was used before with other content. Use a new one.',
  )
}

function contentHashOf(
  { tenantId }: CallContext,
  { content }: Required<ActOptions>['request'],
): Buffer {
  return hashOf({ tenantId, content })
}

/** SHA-256 of the canonical content, so that the order of keys does not make another request. */
function hashOf(content: unknown): Buffer {
  const plain: unknown = JSON.parse(JSON.stringify(content))
  return createHash('sha256').update(canonicalJson(plain)).digest()
}
