import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from '@jest/globals'
import { startReceiver } from '@mumega/telemetry/receiver'
import { startTestNats } from '@mumega/testkit'
import { greet } from './given.ts'

const nats = await startTestNats()
const receiver = await startReceiver()
afterAll(async () => {
  await receiver.close()
  await nats.stop()
})

/** Runs the program with the bus's telemetry, and resolves to the id of its trace. */
async function runTraced(): Promise<string> {
  const file = fileURLToPath(new URL('./trace-program.js', import.meta.url))
  const seeds = [nats.seedOf('bridge'), nats.seedOf('gateway')]
  const child = spawn(
    process.execPath,
    ['--import', '@mumega/telemetry/register', file, nats.url, ...seeds],
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, LOG_LEVEL: 'silent' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await new Promise((resolve) => child.once('close', resolve))
  return output.trim()
}

test('a request, the event it causes and the handling of that are one trace', async () => {
  const spans = receiver.find(await runTraced())?.spans ?? []

  const nameOf = (spanId: string | undefined): string => {
    const span = spans.find((one) => one.spanId === spanId)
    return span === undefined ? 'nothing' : `${span.kind} ${span.name}`
  }
  const links = spans.map(({ spanId, parentSpanId }) => [nameOf(spanId), nameOf(parentSpanId)])
  expect(new Map(links as [string, string][])).toEqual(
    new Map([
      ['server the-request', 'nothing'],
      [`client ${greet.subject}`, 'server the-request'],
      [`server ${greet.subject}`, `client ${greet.subject}`],
      ['producer evt.bridge.v1.dead-lettered', `server ${greet.subject}`],
      ['consumer evt.bridge.v1.dead-lettered', 'producer evt.bridge.v1.dead-lettered'],
    ]),
  )
})
