import { logger, shutdownTelemetry } from '@mumega/telemetry'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

const log = logger('gateway')

// After either of these the process's state is unknown; the supervisor starts a new one.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    log.fatal({ error }, event)
    process.exit(1)
  })
}

const gateway = await start(loadConfig(process.env))

// A deploy sends SIGTERM, Ctrl-C sends SIGINT, and a supervisor under Ctrl-C both. Requests already
// started are still answered.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    void gateway
      .stop()
      .then(shutdownTelemetry)
      .then(() => process.exit(0))
  })
}

// After the handlers: whoever hears this may end the process at once.
process.send?.({ ready: true, url: gateway.url })
