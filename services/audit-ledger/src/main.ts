import { runService } from '@mumega/service/run-service'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

// What is not sealed by then stays on the bus.
const STOP_MS_MAX = 8_000

await runService('audit-ledger', () => start(loadConfig(process.env)), { stopMsMax: STOP_MS_MAX })
