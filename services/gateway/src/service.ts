import pLimit from 'p-limit'
import { connectBus } from '@mumega/bus'
import { startRelay } from '@mumega/bus/relay'
import { checkTopology } from '@mumega/bus/streams'
import { authenticateToken } from '@mumega/contracts/gateway'
import { healthOf } from '@mumega/contracts/health'
import { openDatabase } from '@mumega/db'
import { openOutbox } from '@mumega/db/outbox'
import { logger } from '@mumega/telemetry'
import type { App, Gateway } from './app.ts'
import { handleAuthenticateToken } from './authenticate-token.ts'
import { clockOf, type Config } from './config.ts'
import { readHealth } from './health.ts'
import { buildServer } from './server.ts'
import { openStreamHub } from './stream-hub.ts'
import { createMetrics } from './telemetry.ts'

const SERVICE = 'gateway'
const FINISH_MS_MAX = 5_000

export interface RunningGateway {
  url: string
  /**
   * Ends streams, finishes what is in flight for at most 5 s, then lets go of everything. May be
   * called twice. What is not relayed yet stays in the outbox for the next start.
   */
  stop(): Promise<void>
}

/** Connects to PostgreSQL and NATS, and answers HTTP until `stop()` resolves. */
export async function start(config: Config): Promise<RunningGateway> {
  const opened: (() => Promise<unknown>)[] = []
  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= closeAll(opened))
  try {
    return { url: await open(config, opened), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Opens everything in order, noting in `opened` how each part is closed. */
async function open(config: Config, opened: (() => Promise<unknown>)[]): Promise<string> {
  const clock = clockOf(config)
  const log = logger(SERVICE)
  const db = openDatabase(config.DATABASE_URL, { poolMax: config.MUMEGA_DATABASE_POOL_MAX })
  opened.push(() => db.destroy())
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: SERVICE,
    clock,
  })
  opened.push(() => bus.drain())
  await checkTopology(bus.connection, SERVICE)
  const outbox = openOutbox(db, SERVICE)
  const relay = startRelay(bus, outbox)
  opened.push(() => relay.stop())
  const hub = openStreamHub(bus, {
    streamsMax: config.MUMEGA_STREAMS_MAX,
    streamsPerTenantMax: config.MUMEGA_STREAMS_PER_TENANT_MAX,
    streamsPerTokenMax: config.MUMEGA_STREAMS_PER_TOKEN_MAX,
  })
  const looks = pLimit(Math.ceil(config.MUMEGA_DATABASE_POOL_MAX / 2))
  const health = () => readHealth({ db, bus, hub, relay, outbox })
  const metrics = createMetrics()
  const gateway: Gateway = { config, clock, db, bus, hub, looks, log, metrics, health }
  bus.serve(healthOf(SERVICE), health)
  bus.serve(authenticateToken, (request) => handleAuthenticateToken(gateway, request))
  const app = await buildServer(gateway)
  opened.push(() => closeServer(app, gateway))
  const url = await app.listen({ host: config.MUMEGA_HOST, port: config.MUMEGA_PORT })
  log.info({ url }, 'gateway-started')
  return url
}

async function closeAll(opened: (() => Promise<unknown>)[]): Promise<void> {
  for (const close of opened.reverse()) await close()
}

/**
 * Takes no new connection and waits for the requests in flight; what is not done in time is cut
 * off.
 */
async function closeServer(app: App, { hub }: Gateway): Promise<void> {
  hub.close()
  const cut = setTimeout(() => {
    app.server.closeAllConnections()
  }, FINISH_MS_MAX)
  await app.close().finally(() => {
    clearTimeout(cut)
  })
}
