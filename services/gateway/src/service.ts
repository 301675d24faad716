import { connectBus } from '@mumega/bus'
import { startRelay } from '@mumega/bus/relay'
import { checkTopology } from '@mumega/bus/streams'
import { openDatabase } from '@mumega/db'
import { openOutbox } from '@mumega/db/outbox'
import { logger, shutdownTelemetry } from '@mumega/telemetry'
import type { App, Gateway } from './app.ts'
import { clockOf, type Config } from './config.ts'
import { serveHealth } from './health.ts'
import { buildServer } from './server.ts'
import { openStreamHub } from './stream-hub.ts'
import { createMetrics } from './telemetry.ts'

const SERVICE = 'gateway'
const FINISH_MS_MAX = 5_000

export interface RunningGateway {
  url: string
  /** Ends streams, finishes what is in flight for at most 5 s, then lets go of everything. */
  stop(): Promise<void>
}

/** Connects to PostgreSQL and NATS, and answers HTTP until `stop()` resolves. */
export async function start(config: Config): Promise<RunningGateway> {
  const clock = clockOf(config)
  const db = openDatabase(config.DATABASE_URL, { poolMax: config.MUMEGA_DATABASE_POOL_MAX })
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    service: SERVICE,
    clock,
    ...(config.NATS_NKEY_SEED === undefined ? {} : { nkeySeed: config.NATS_NKEY_SEED }),
  })
  await checkTopology(bus.connection, SERVICE)
  const outbox = openOutbox(db, SERVICE)
  const relay = startRelay(bus, outbox)
  const hub = openStreamHub(bus, {
    streamsMax: config.MUMEGA_STREAMS_MAX,
    streamsPerTokenMax: config.MUMEGA_STREAMS_PER_TOKEN_MAX,
  })
  const log = logger(SERVICE)
  const gateway: Gateway = { config, clock, db, bus, hub, log, metrics: createMetrics() }
  serveHealth(gateway, { relay, outbox })
  const app = await buildServer(gateway)
  const url = await app.listen({ host: config.MUMEGA_HOST, port: config.MUMEGA_PORT })
  log.info({ url }, 'gateway-started')

  return {
    url,
    async stop() {
      hub.close()
      await closeServer(app)
      await relay.stop()
      await outbox.close()
      await bus.drain()
      await db.destroy()
      await shutdownTelemetry()
    },
  }
}

/** Takes no new connection and waits for the requests in flight; what is not done in time is cut off. */
async function closeServer(app: App): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), FINISH_MS_MAX)
  await app.close().finally(() => clearTimeout(cut))
}
