import type { Bus } from '@mumega/bus'
import { every } from '@mumega/config/every'

/** Whether this process reaches the bus. */
export interface Reach {
  /** Whether the server has answered within the last 1.25 s. */
  isReached(): boolean
  stop(): Promise<void>
}

const ASK_MS = 250
const ANSWER_MS_MAX = 1_000

/**
 * Asks the server for a sign of life four times a second, on a connection that does nothing else
 * and is closed by `stop()`. A connection that is cut in two tells neither end.
 */
export function watchReach(bus: Bus): Reach {
  let answeredMs = performance.now()

  const asking = every(ASK_MS, () =>
    bus.roundTripMs().then(
      () => void (answeredMs = performance.now()),
      () => undefined,
    ),
  )
  return {
    isReached: () => performance.now() - answeredMs < ASK_MS + ANSWER_MS_MAX,
    async stop() {
      const stopped = asking.stop()
      await bus.connection.close()
      await stopped
    },
  }
}
