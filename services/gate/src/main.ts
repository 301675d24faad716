import { runService } from '@mumega/service/run-service'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

await runService('gate', () => start(loadConfig(process.env)))
