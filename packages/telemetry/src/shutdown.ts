const SHUTDOWN_MS_MAX = 3_000

let close: (() => Promise<void>) | undefined

/** Called by register.ts. Apart from it, so that a process without export does not load the SDK. */
export function onShutdown(listener: () => Promise<void>): void {
  close = listener
}

/**
 * Closes the exporter, if there is one, within a bound. A collector that is away must not hold a
 * process up.
 */
export async function shutdownExport(): Promise<void> {
  const closing = close
  close = undefined
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
