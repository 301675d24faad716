import { setTimeout as pause } from 'node:timers/promises'
import type { Bus } from '@mumega/bus'
import { findRights } from '@mumega/contracts/topology'
import { logger } from '@mumega/telemetry'
import type { Misfits } from '../drops/misfits.ts'
import { GROUP_ENTRIES_MAX } from '../sealing/seal-queue.ts'
import type { Sealer } from '../sealing/sealer.ts'
import { openIntake, type Intake } from './on-append.ts'
import { startPull } from './pull.ts'

export interface RunningIntake extends Intake {
  /** Takes nothing more, and waits a bounded time until what was taken is settled. */
  stop(): Promise<void>
}

// Three groups: one that is being committed, one that is built and waits for it, one that is
// decoded meanwhile.
const INTENTS_HELD_MAX = 3 * GROUP_ENTRIES_MAX
const BYTES_HELD_MAX = 12 * 1_048_576
const PULL_MESSAGES_MAX = 1_024
const PULL_BYTES_MAX = 1_048_576
// So that a message is kept though one word of it comes late.
const KEPT_PER_WAIT = 3
const STOP_MS_MAX = 5_000
const STOP_LOOK_MS = 20

/** Takes audit intents from their stream as fast as they are sealed, and no faster. */
export function startIntake(
  bus: Bus,
  { sealer, misfits, leaseMs }: { sealer: Sealer; misfits: Misfits; leaseMs: number },
): RunningIntake {
  const consumer = findRights(bus.service)?.consumers[0]
  if (consumer === undefined) throw new Error(`${bus.service} has no consumer`)
  const intake = openIntake({
    submit: sealer.submit,
    misfits,
    logSize: () => sealer.committed()?.size ?? 0,
    onDone: () => pull.look(),
  })
  const log = logger('audit-ledger')
  let failures = 0
  const pull = startPull(bus.connection, {
    service: bus.service,
    stream: consumer.stream,
    consumer: consumer.name,
    messagesMax: PULL_MESSAGES_MAX,
    bytesMax: PULL_BYTES_MAX,
    // When another ledger leads, nothing is sent to this one any more.
    expiresMs: leaseMs,
    hasRoom() {
      const { intents, bytes } = intake.pending()
      return intents < INTENTS_HELD_MAX && bytes < BYTES_HELD_MAX
    },
    onMessage: intake.onMessage,
    onFailure(error) {
      failures += 1
      log.error({ error }, 'message-not-taken')
    },
  })
  bus.onReconnect(pull.restart)
  const keepMs = consumer.ackWaitMs / KEPT_PER_WAIT
  const keeper = setInterval(() => {
    intake.keepWaiting(keepMs)
  }, keepMs)
  return {
    ...intake,
    failures: () => intake.failures() + failures,
    async stop() {
      await pull.stop()
      const deadline = performance.now() + STOP_MS_MAX
      while (intake.pending().bytes > 0 && performance.now() < deadline) await pause(STOP_LOOK_MS)
      clearInterval(keeper)
    },
  }
}
