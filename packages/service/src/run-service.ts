import { logger, shutdownTelemetry } from '@mumega/telemetry'

export interface Running {
  /** May be called twice. */
  stop(): Promise<void>
  /** What whoever started the process is told, beside that it serves. */
  readonly ready?: Readonly<Record<string, unknown>>
}

export interface RunOptions {
  /**
   * Ends the process when it has not stopped after so long, where nothing is lost by not waiting.
   */
  readonly stopMsMax?: number
}

/** Runs one service as this process, until a signal ends it. Resolves when it serves. */
export async function runService(
  name: string,
  start: () => Promise<Running>,
  { stopMsMax }: RunOptions = {},
): Promise<void> {
  const log = logger(name)
  // After either of these the process's state is unknown; the supervisor starts a new one.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ error }, event)
      process.exit(1)
    })
  }
  const running = await start()
  function end(): void {
    if (stopMsMax !== undefined) {
      setTimeout(() => {
        log.error({ boundMs: stopMsMax }, 'stop-took-too-long')
        process.exit(1)
      }, stopMsMax).unref()
    }
    void running
      .stop()
      .then(shutdownTelemetry)
      .then(() => process.exit(0))
  }
  // A deploy sends SIGTERM, Ctrl-C sends SIGINT, and a supervisor under Ctrl-C both. Requests
  // already started are still answered.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
  // After the handlers: whoever hears this may end the process at once.
  process.send?.({ ready: true, ...running.ready })
}
