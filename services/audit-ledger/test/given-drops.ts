import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import { guardsOf } from '../src/scrubbing/guard-check.ts'
import { untilDropped } from './given.ts'

export const DROPS = 'audit_chain_drops'

/** A change of drops, as whoever holds the cluster can make it; the guards stand again after it. */
export function unguarded(change: string): string {
  const guards = (mode: string) =>
    guardsOf(DROPS)
      .map((guard) => `alter table ${DROPS} ${mode} trigger ${guard};`)
      .join('')
  return `${guards('disable')} ${change}; ${guards('enable always')}`
}

/** Waits for a drop that the entry at this index resolves. */
export async function untilResolved(bus: Bus, index: number): Promise<void> {
  await eventually(
    async () => (await untilDropped(bus, 1)).some(({ resolvedIndex }) => resolvedIndex === index),
    { what: `a drop that entry ${index} resolves` },
  )
}
