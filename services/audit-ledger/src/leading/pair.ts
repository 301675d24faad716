import { setTimeout as pause } from 'node:timers/promises'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { announceInstance, findDrift, forgetInstance, type Drift } from './instance-repository.ts'
import type { Instance } from './instance.ts'

/** The other ledgers on the same database, as this one sees them. */
export interface Pair {
  /** In what they differ from this one, as of the last look. */
  drift(): readonly Drift[]
  /** Called after each look, about once a second, until what it returns is called. */
  onBeat(listener: (drift: readonly Drift[]) => void): () => void
  /** Says that this one does not run any more, as far as the database can be told. */
  stop(): Promise<void>
}

const BEAT_MS = 1_000

/** Makes itself known every second, and looks in what the others differ. */
export function startPair(connection: Connection, instance: Instance): Pair {
  const log = logger('audit-ledger')
  const stopping = new AbortController()
  const listeners = new Set<(drift: readonly Drift[]) => void>()
  let drift: readonly Drift[] = []

  async function beat(): Promise<void> {
    await announceInstance(connection, instance)
    const found = await findDrift(connection, instance)
    if (found.length > 0 && drift.length === 0) log.warn({ drift: found }, 'ha-pair-rollout-drift')
    drift = found
    for (const listener of listeners) listener(found)
  }

  async function run(): Promise<void> {
    const { signal } = stopping
    while (!signal.aborted) {
      await beat().catch((error: unknown) => {
        log.warn({ error }, 'heartbeat-failed')
      })
      await pause(BEAT_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  const running = run()
  return {
    drift: () => drift,
    onBeat(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async stop() {
      stopping.abort()
      await running
      await forgetInstance(connection, instance.instanceId).catch((error: unknown) => {
        log.warn({ error }, 'heartbeat-failed')
      })
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
