import { runService } from '@mumega/telemetry/run-service'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

await runService('objectives', () => start(loadConfig(process.env)))
