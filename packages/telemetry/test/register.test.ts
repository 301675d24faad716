import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Receiver, startReceiver } from '@mumega/telemetry/receiver'
import { startTestDatabase, type TestDatabase } from '@mumega/testkit'

interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

let database: TestDatabase
let receiver: Receiver

beforeAll(async () => {
  database = await startTestDatabase([])
  receiver = await startReceiver()
})

afterAll(async () => {
  await receiver.close()
  await database.drop()
})

/** Runs a program of this folder as a service is run: with register.ts loaded first. */
async function run(
  program: string,
  options: { argument?: string; env?: Record<string, string>; endAfter?: string },
): Promise<Finished> {
  const file = fileURLToPath(new URL(`./${program}.js`, import.meta.url))
  const child = spawn(
    process.execPath,
    ['--import', '@mumega/telemetry/register', file, options.argument ?? ''],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), env: { ...options.env } },
  )
  const output = { stdout: '', stderr: '' }
  if (options.endAfter === undefined) child.stdin.end()
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString()
    if (options.endAfter && output.stdout.includes(options.endAfter)) child.stdin.end()
  })
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...output }
}

test('a query through knex is a span under the request that made it', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SERVICE_NAME: 'probe' }

  const { stdout, stderr, code } = await run('query-program', { argument: database.adminUrl, env })

  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const spans = receiver.find(stdout.trim())?.spans ?? []
  const request = spans.find(({ name }) => name === 'the-request')
  const query = spans.find(({ attributes }) =>
    Object.values(attributes).some((value) => String(value).includes('found_under_the_request')),
  )
  expect(request).toMatchObject({ kind: 'server', service: 'probe' })
  expect(query).toMatchObject({ kind: 'client', parentSpanId: request?.spanId, service: 'probe' })
})

test('a collector that is away costs one line of log, and no time', async () => {
  const away = await startReceiver()
  await away.close()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: away.url, OTEL_SERVICE_NAME: 'probe' }

  const { stdout, stderr, code } = await run('busy-program', {
    env,
    endAfter: 'traces-not-exported',
  })

  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const lines = stdout.trim().split('\n')
  const events = lines.map((line) => (JSON.parse(line) as { event: string }).event)
  expect(events.filter((event) => event === 'traces-not-exported')).toHaveLength(1)
  const done = JSON.parse(lines.find((line) => line.includes('"done"')) ?? '{}') as object
  // 20,000 requests; waiting for one export would take its 5 s.
  expect(done).toHaveProperty('spansMs', expect.any(Number))
  expect((done as { spansMs: number }).spansMs).toBeLessThan(4_000)
})

test('without a collector nothing is said, and log lines still carry the trace', async () => {
  const { stdout, stderr, code } = await run('busy-program', { env: {} })

  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const lines = stdout.trim().split('\n')
  expect(lines).toHaveLength(1)
  const done = JSON.parse(lines[0] ?? '{}') as { traceparent: string; trace_id: string }
  expect(done.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  expect(done.trace_id).toBe(done.traceparent.slice(3, 35))
})
