import { setImmediate as immediate } from 'node:timers/promises'

/** That the work on a list holds the process at a time. */
const TURN_MS = 10

/** Takes one after the other, and lets others have their turn: the process answers requests. */
export async function takeInTurns<One>(
  all: readonly One[],
  take: (one: One) => void,
): Promise<void> {
  let since = performance.now()
  for (const one of all) {
    take(one)
    if (performance.now() - since < TURN_MS) continue
    await immediate()
    since = performance.now()
  }
}
