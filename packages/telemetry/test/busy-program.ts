// Run by register.test.ts as a process of its own: many requests, and how long they took.
import { currentTraceparent, logger, shutdownTelemetry, withSpan } from '@mumega/telemetry'

const SPANS = 20_000
const log = logger('busy')
const startedAt = performance.now()
for (let span = 0; span < SPANS; span += 1) {
  await withSpan('request', { kind: 'server' }, async () => undefined)
}
const spansMs = performance.now() - startedAt
// Until register.test.ts has seen what it waits for.
for await (const _ of process.stdin);
await withSpan('request', {}, async () => {
  log.info({ spansMs, traceparent: currentTraceparent() }, 'done')
})
await shutdownTelemetry()
