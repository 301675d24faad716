import type { Static, TObject } from 'typebox'
import { connectBus, type Bus } from '@mumega/bus'
import { startRelay, type Relay } from '@mumega/bus/relay'
import { checkTopology } from '@mumega/bus/streams'
import { clockOf, type Clock } from '@mumega/config/clock'
import type { serviceSettings } from '@mumega/config/settings'
import { openDatabase, type Knex } from '@mumega/db'
import { openOutbox, type Outbox } from '@mumega/db/outbox'
import { logger } from '@mumega/telemetry'

/** What a service with a schema of its own stands on. */
export interface ServiceParts {
  readonly clock: Clock
  readonly db: Knex
  readonly bus: Bus
  readonly outbox: Outbox
  readonly relay: Relay
  /** Notes how something is closed: before all that was opened earlier, one after the other. */
  onStop(close: () => Promise<unknown>): void
}

export interface ServiceOptions {
  readonly name: string
  readonly config: Static<TObject<typeof serviceSettings>>
  /** Connections to PostgreSQL at most. */
  readonly poolMax?: number
}

export interface Started<Built> {
  readonly built: Built
  /**
   * Closes everything, the latest first: what `build` opened, the relay, the bus when what is in
   * flight was answered, the database. May be called twice. What is accepted meanwhile stays in the
   * outbox, for another instance or start.
   */
  stop(): Promise<void>
}

/**
 * Connects to PostgreSQL and NATS, relays the outbox, and has `build` serve. A start that fails
 * closes what it opened.
 *
 * @throws bus.unavailable, bus.topology-mismatch, and what `build` throws
 */
export async function startService<Built>(
  options: ServiceOptions,
  build: (parts: ServiceParts) => Promise<Built>,
): Promise<Started<Built>> {
  const opened: (() => Promise<unknown>)[] = []
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= closeAll(opened))
  try {
    const parts = await openParts(options, (close) => void opened.push(close))
    return { built: await build(parts), stop }
  } catch (error) {
    // Why it did not start is what helps.
    await stop().catch((failure: unknown) => {
      logger(options.name).error({ error: failure }, 'not-closed')
    })
    throw error
  }
}

async function openParts(
  { name, config, poolMax }: ServiceOptions,
  onStop: ServiceParts['onStop'],
): Promise<ServiceParts> {
  const clock = clockOf(config)
  const db = openDatabase(config.DATABASE_URL, poolMax === undefined ? {} : { poolMax })
  onStop(() => db.destroy())
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: name,
    clock,
  })
  onStop(() => bus.drain())
  await checkTopology(bus.connection, name)
  const outbox = openOutbox(db, name)
  const relay = startRelay(bus, outbox)
  onStop(() => relay.stop())
  return { clock, db, bus, outbox, relay, onStop }
}

/** What cannot be closed keeps nothing else open. @throws what the first of them threw */
async function closeAll(opened: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of opened.toReversed()) {
    await close().catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}
