import knex, { type Knex } from 'knex'
import { openFairQueue, type FairQueue } from './fair-queue.ts'
import { PipelinedClient } from './pipelining.ts'
import { asUnavailable } from './unavailable.ts'

export type { Knex } from 'knex'

export interface DatabaseOptions {
  /** Connections at most. Acts of one tenant hold half of them at once; the others of it wait. */
  poolMax?: number
  /** Milliseconds that a query waits for a connection, and a connection for the server; 2,000. */
  acquireMs?: number
}

const STATEMENT_TIMEOUT_MS = 10_000
const LOCK_TIMEOUT_MS = 4_000
const ACQUIRE_TIMEOUT_MS = 2_000

function quiet(): void {}

// Below the deadline of a request, so that its caller hears why.
const TURN_TIMEOUT_MS = 4_000
const WAITING_MAX = 2_000

const urls = new WeakMap<Knex, string>()
const queues = new WeakMap<Knex, FairQueue>()
const listeners = new WeakMap<Knex, Set<() => void>>()

/**
 * Opens a pool of connections to one service's schema. Nothing connects before the first query. End
 * it with `destroy()`. `bigint` columns arrive as text, as `pg` gives them.
 */
export function openDatabase(
  url: string,
  { poolMax = 10, acquireMs = ACQUIRE_TIMEOUT_MS }: DatabaseOptions = {},
): Knex {
  const db = knex({
    client: PipelinedClient as unknown as typeof Knex.Client,
    connection: connectionOf(url, acquireMs),
    pool: { min: 0, max: poolMax },
    acquireConnectionTimeout: acquireMs,
    // Knex prints what it also throws; the caller logs it once.
    log: { warn: quiet, error: quiet, deprecate: quiet, debug: quiet },
  })
  urls.set(db, url)
  listeners.set(db, new Set())
  queues.set(
    db,
    openFairQueue({
      runningMax: poolMax,
      perKeyMax: Math.max(1, Math.floor(poolMax / 2)),
      waitingMax: WAITING_MAX,
      waitMs: TURN_TIMEOUT_MS,
    }),
  )
  return db
}

function connectionOf(
  url: string,
  acquireMs: number,
): Knex.PgConnectionConfig & { pipeline: boolean } {
  return {
    connectionString: url,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // One row's hung holder must not fill the pool with those who wait for it.
    options: `-c lock_timeout=${LOCK_TIMEOUT_MS}`,
    // A handler that hangs inside a transaction must not hold its locks for ever.
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: acquireMs,
    keepAlive: true,
    pipeline: true,
  }
}

/** Resolves when the database answers within the bounds of the pool. @throws db.unavailable */
export async function checkDatabase(db: Knex): Promise<void> {
  await asUnavailable(async () => {
    await db.raw('select 1').timeout(1_000)
  })
}

/** The URL that `openDatabase` got, for what needs a connection of its own. */
export function urlOf(db: Knex): string {
  const url = urls.get(db)
  if (url === undefined) throw new Error('this pool was not opened by openDatabase')
  return url
}

/** Runs `work` when it is the tenant's turn to use a connection. @throws db.busy */
export function takeTurn<Result>(
  db: Knex,
  tenantId: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const queue = queues.get(db)
  if (queue === undefined) throw new Error('this pool was not opened by openDatabase')
  return queue.run(tenantId, work)
}

/** Whom to tell that this process has written to the outbox. */
export function outboxListeners(db: Knex): Set<() => void> {
  const found = listeners.get(db)
  if (found === undefined) throw new Error('this pool was not opened by openDatabase')
  return found
}
