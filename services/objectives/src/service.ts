import { connectBus, type Bus } from '@mumega/bus'
import { startRelay } from '@mumega/bus/relay'
import { checkTopology } from '@mumega/bus/streams'
import { scaledClock } from '@mumega/config/clock'
import { healthOf } from '@mumega/contracts/health'
import * as contracts from '@mumega/contracts/principals'
import { openDatabase } from '@mumega/db'
import { openOutbox } from '@mumega/db/outbox'
import type { Config } from './config.ts'
import { readHealth } from './health.ts'
import type { Objectives } from './objectives.ts'
import { handleChangeStatus } from './principals/change-status.ts'
import { handleGetPrincipal, handleListPrincipals } from './principals/read-principals.ts'
import { readPrincipals, registerPrincipals } from './principals/register-principals.ts'
import { handleRotateKey } from './principals/rotate-key.ts'

/**
 * Connects to PostgreSQL and NATS, registers the installation's principals, and answers the
 * service's subjects until `stop()` resolves, which may be called twice. Any number of these may
 * run on one database.
 *
 * @throws config.invalid naming what is wrong with the file of principals
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  // First of all, so that a start that fails by it has opened nothing.
  const principals = await readPrincipals(config.OBJECTIVES_PRINCIPALS_FILE)
  const clock = scaledClock({
    scale: config.MUMEGA_TIME_SCALE,
    originMs: config.MUMEGA_TIME_ORIGIN_MS,
  })
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: 'objectives',
    clock,
  })
  await checkTopology(bus.connection, 'objectives')
  const db = openDatabase(config.DATABASE_URL)
  const outbox = openOutbox(db, 'objectives')
  const relay = startRelay(bus, outbox)
  const objectives = { db, clock }
  const registered = await registerPrincipals(objectives, principals)
  servePrincipals(objectives, bus)
  const parts = { bus, relay, outbox, registered }
  bus.serve(healthOf('objectives'), () => readHealth(objectives, parts))

  let stopping: Promise<void> | undefined
  async function stopOnce(): Promise<void> {
    await Promise.all([bus.drain(), relay.stop()])
    await db.destroy()
  }
  return { stop: () => (stopping ??= stopOnce()) }
}

function servePrincipals(objectives: Objectives, bus: Bus): void {
  bus.serve(contracts.listPrincipals, () => handleListPrincipals(objectives))
  bus.serve(contracts.getPrincipal, (request) => handleGetPrincipal(objectives, request))
  bus.serve(contracts.rotateKey, (request, { context }) =>
    handleRotateKey(objectives, context, request),
  )
  bus.serve(contracts.suspendPrincipal, (request, { context }) =>
    handleChangeStatus(objectives, { context, request }, 'suspended'),
  )
  bus.serve(contracts.reinstatePrincipal, (request, { context }) =>
    handleChangeStatus(objectives, { context, request }, 'active'),
  )
}
