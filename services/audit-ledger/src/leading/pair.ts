import { every } from '@mumega/config/every'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { announceInstance, findOthers, forgetInstance, type Drift } from './instance-repository.ts'
import type { Instance } from './instance.ts'

/** The other ledgers on the same database, as this one sees them. */
export interface Pair {
  /** In what they differ from this one, as of the last look. */
  drift(): readonly Drift[]
  /** Called after each look, about once a second, until what it returns is called. */
  onBeat(listener: (drift: readonly Drift[]) => void): () => void
  /** Whether, for two looks, another could lead and this one not: it hands over then. */
  isOutmatched(): boolean
  /** Says that this one does not run any more, as far as the database can be told. */
  stop(): Promise<void>
}

const BEAT_MS = 1_000
// Behind a server that was restarted one is a moment earlier than the other.
const OUTMATCHED_BEATS = 2

/** Makes itself known every second, and looks in what the others differ. */
export function startPair(connection: Connection, instance: Instance, isFit: () => boolean): Pair {
  const log = logger('audit-ledger')
  const listeners = new Set<(drift: readonly Drift[]) => void>()
  let drift: readonly Drift[] = []
  let outmatched = 0

  async function beat(): Promise<void> {
    const fit = isFit()
    await announceInstance(connection, instance, { isFit: fit })
    const { drift: found, areFit } = await findOthers(connection, instance)
    outmatched = !fit && areFit ? outmatched + 1 : 0
    if (found.length > 0 && drift.length === 0) log.warn({ drift: found }, 'ha-pair-rollout-drift')
    drift = found
    for (const listener of listeners) listener(found)
  }

  function onFailure(error: unknown): void {
    log.warn({ error }, 'heartbeat-failed')
  }

  const beating = every(BEAT_MS, () => beat().catch(onFailure))
  return {
    drift: () => drift,
    onBeat(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    isOutmatched: () => outmatched >= OUTMATCHED_BEATS,
    async stop() {
      await beating.stop()
      await forgetInstance(connection, instance.instanceId).catch(onFailure)
    },
  }
}

/** One line for people; undefined when there is none. */
export function describeDrift(drift: readonly Drift[]): string | undefined {
  if (drift.length === 0) return undefined
  const each = drift.map(
    ({ what, own, other, otherId }) => `${what} ${own} here, ${other} at ${otherId}`,
  )
  return `ha-pair-rollout-drift: ${each.join('; ')}`
}
