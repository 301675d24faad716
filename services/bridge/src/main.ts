import { logger, shutdownTelemetry } from '@mumega/telemetry'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

const log = logger('bridge')

// After either of these the process's state is unknown; the supervisor starts a new one.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => {
    log.fatal({ error }, event)
    process.exit(1)
  })
}

const service = await start(loadConfig(process.env))
// A deploy sends SIGTERM, Ctrl-C sends SIGINT, and a supervisor under Ctrl-C both: `stop` may be
// called twice. Requests already started are still answered.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    void service
      .stop()
      .then(shutdownTelemetry)
      .then(() => process.exit(0))
  })
}

// After the handlers: whoever hears this may end the process at once.
process.send?.({ ready: true })
