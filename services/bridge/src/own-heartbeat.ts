import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { every } from '@mumega/config/every'
import { heartbeatRecorded } from '@mumega/contracts/bridge'
import { checkDatabase } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { Bridge } from './bridge.ts'
import { BRIDGE_CONTEXT } from './identity.ts'

/** Of the system's time. */
const HEARTBEAT_EVERY_MS = 60_000

export interface OwnHeartbeat {
  /** How many have been stored since the start. */
  published(): number
  /** Resolves when none is on its way any more. */
  stop(): Promise<void>
}

/**
 * Publishes the bridge's own heartbeat at once and then every 60 s of the system's time, with the
 * measured round trip through NATS. One that cannot be published is logged and not made up for: its
 * absence is what tells.
 */
export function startOwnHeartbeat(bridge: Bridge, bus: Bus): OwnHeartbeat {
  const log = logger('bridge')
  let published = 0
  const beating = every(bridge.clock.realMs(HEARTBEAT_EVERY_MS), async () => {
    try {
      await publishHeartbeat(bridge, bus)
      published += 1
    } catch (error) {
      log.warn({ error }, 'heartbeat-failed')
    }
  })
  return { published: () => published, stop: () => beating.stop() }
}

async function publishHeartbeat({ db, clock }: Bridge, bus: Bus): Promise<void> {
  const startedMs = performance.now()
  await bus.roundTripMs()
  // The bus counts whole milliseconds, and a round trip on one machine takes less.
  const roundTripMs = performance.now() - startedMs
  const isDatabaseUp = await checkDatabase(db).then(
    () => true,
    () => false,
  )
  await bus.publish(
    heartbeatRecorded,
    {
      tenantId: BRIDGE_CONTEXT.tenantId,
      principal: BRIDGE_CONTEXT.actor.id,
      status: isDatabaseUp ? 'idle' : 'failing',
      at: clock.now().toISOString(),
      roundTripMs,
    },
    { messageId: uuidv7() },
  )
}
