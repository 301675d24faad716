import pLimit from 'p-limit'
import { authenticateToken } from '@mumega/contracts/gateway'
import { healthOf } from '@mumega/contracts/health'
import { startService, type ServiceParts } from '@mumega/service'
import { logger } from '@mumega/telemetry'
import type { App, Gateway } from './app.ts'
import { handleAuthenticateToken } from './authenticate-token.ts'
import type { Config } from './config.ts'
import { readHealth } from './health.ts'
import { buildServer } from './server.ts'
import { openStreamHub } from './stream-hub.ts'
import { createMetrics } from './telemetry.ts'

const SERVICE = 'gateway'
const FINISH_MS_MAX = 5_000

export interface RunningGateway {
  readonly url: string
  /** Ends streams, finishes what is in flight for at most 5 s, then lets go of everything. */
  stop(): Promise<void>
}

/** Answers HTTP until `stop()` resolves. */
export async function start(config: Config): Promise<RunningGateway> {
  const poolMax = config.MUMEGA_DATABASE_POOL_MAX
  const options = { name: SERVICE, config, poolMax }
  const { built: url, stop } = await startService(options, (parts) => serve(config, parts))
  return { url, stop }
}

/** The address on which it listens. */
async function serve(config: Config, parts: ServiceParts): Promise<string> {
  const { clock, db, bus, onStop } = parts
  const log = logger(SERVICE)
  const hub = openStreamHub(bus, {
    streamsMax: config.MUMEGA_STREAMS_MAX,
    streamsPerTenantMax: config.MUMEGA_STREAMS_PER_TENANT_MAX,
    streamsPerTokenMax: config.MUMEGA_STREAMS_PER_TOKEN_MAX,
  })
  const looks = pLimit(Math.ceil(config.MUMEGA_DATABASE_POOL_MAX / 2))
  const health = () => readHealth(parts, hub)
  const metrics = createMetrics()
  const gateway: Gateway = { config, clock, db, bus, hub, looks, log, metrics, health }
  bus.serve(healthOf(SERVICE), health)
  bus.serve(authenticateToken, (request) => handleAuthenticateToken(gateway, request))
  const app = await buildServer(gateway)
  onStop(() => closeServer(app, gateway))
  const url = await app.listen({ host: config.MUMEGA_HOST, port: config.MUMEGA_PORT })
  log.info({ url }, 'gateway-started')
  return url
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
