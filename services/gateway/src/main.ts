import { logger } from '@mumega/telemetry'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

const log = logger('gateway')
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    // The state of the process is unknown from here on: the supervisor starts a new one.
    log.fatal({ error }, event)
    process.exit(1)
  })
}

const gateway = await start(loadConfig(process.env))
process.send?.({ ready: true, url: gateway.url })

// A deploy sends SIGTERM, Ctrl-C sends SIGINT. Requests already started are still answered.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void gateway.stop().then(() => process.exit(0))
  })
}
