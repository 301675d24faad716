// Run by register.test.ts as a process of its own: what a service does, as little as shows it.
import { openDatabase } from '@mumega/db'
import { currentTraceparent, shutdownTelemetry, traceIdOf, withSpan } from '@mumega/telemetry'

const db = openDatabase(process.argv[2] ?? '')
const traceId = await withSpan('the-request', { kind: 'server' }, async () => {
  await db.raw('select 1 as found_under_the_request')
  return traceIdOf(currentTraceparent())
})
await db.destroy()
await shutdownTelemetry()
process.stdout.write(`${traceId}\n`)
