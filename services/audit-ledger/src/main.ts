import { logger, shutdownTelemetry } from '@mumega/telemetry'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

const log = logger('audit-ledger')

const STOP_MS_MAX = 8_000

// Its state is unknown after one of these; the supervisor starts it again.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => {
    log.fatal({ error }, event)
    process.exit(1)
  })
}

const service = await start(loadConfig(process.env))
process.send?.({ ready: true })

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    // What is not sealed by then stays on the bus; nothing is lost by not waiting for it.
    setTimeout(() => {
      log.error({ boundMs: STOP_MS_MAX }, 'stop-took-too-long')
      process.exit(1)
    }, STOP_MS_MAX).unref()
    void service
      .stop()
      .then(shutdownTelemetry)
      .then(() => process.exit(0))
  })
}
