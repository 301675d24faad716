const SHUTDOWN_MS_MAX = 3_000

// register.ts and the program are files of their own, each with this module in it: what one leaves
// for the other stands where both find it, as the API of OpenTelemetry does it.
const CLOSE = Symbol.for('mumega.telemetry.close')
const shared = globalThis as typeof globalThis & {
  [CLOSE]?: (() => Promise<void>) | undefined
}

/** Called by register.ts. Apart from it, so that a process without export does not load the SDK. */
export function onShutdown(listener: () => Promise<void>): void {
  shared[CLOSE] = listener
}

/**
 * Closes the exporter, if there is one, within a bound. A collector that is away must not hold a
 * process up.
 */
export async function shutdownExport(): Promise<void> {
  const closing = shared[CLOSE]
  shared[CLOSE] = undefined
  if (closing === undefined) return
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SHUTDOWN_MS_MAX)
  })
  // The exporter has reported its own failure already, at most once a minute.
  const closed = closing().catch(() => undefined)
  await Promise.race([closed, bound])
  clearTimeout(timer)
}
