import { runService } from '@mumega/service/run-service'
import { loadConfig } from './config.ts'
import { start } from './service.ts'

await runService('gateway', async () => {
  const { url, stop } = await start(loadConfig(process.env))
  return { stop, ready: { url } }
})
