import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { startReceiver, type Receiver } from '@mumega/telemetry/receiver'
import { givenPlace, type Place } from './given.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
let place: Place
let receiver: Receiver

beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(() => receiver.close())
beforeEach(() => {
  place = givenPlace()
})
afterEach(() => {
  place.remove()
})

interface SentSpan {
  id: string
  parent?: string
  name: string
  /** Milliseconds after the trace's start, and how long. */
  at: number
  took: number
  error?: string
}

/** Sends spans of one service as its exporter does. */
async function givenSpans(traceId: string, service: string, spans: SentSpan[]): Promise<void> {
  const nanoseconds = (ms: number) => `${1_795_248_000_000 + ms}000000`
  const body = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: spans.map(({ id, parent, name, at, took, error }) => ({
              traceId,
              spanId: id,
              ...(parent === undefined ? {} : { parentSpanId: parent }),
              name,
              kind: 2,
              startTimeUnixNano: nanoseconds(at),
              endTimeUnixNano: nanoseconds(at + took),
              attributes: [],
              status: error === undefined ? {} : { code: 2, message: error },
            })),
          },
        ],
      },
    ],
  }
  const response = await fetch(`${receiver.url}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
}

function givenRun(run: Record<string, unknown>): void {
  const all = { gatewayUrl: receiver.url, tracesUrl: receiver.url, pid: process.pid, ...run }
  place.write('run.json', JSON.stringify(all))
}

/** The number of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(child, 'close')
  if (child.pid === undefined) throw new Error('the process did not start')
  return child.pid
}

/** A port on which nobody listens: taken, and given back. */
async function unusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('a trace is shown as a tree, each span under its cause, across services', async () => {
  givenRun({})
  await givenSpans(TRACE_ID, 'bridge', [
    { id: 'b'.repeat(16), parent: 'a'.repeat(16), name: 'rpc.bridge.v1.send', at: 2, took: 9 },
    { id: 'd'.repeat(16), parent: 'b'.repeat(16), name: 'insert outbox', at: 8, took: 1 },
    {
      id: 'c'.repeat(16),
      parent: 'b'.repeat(16),
      name: 'insert inbox',
      at: 3,
      took: 4,
      error: 'no',
    },
  ])
  await givenSpans(TRACE_ID, 'gateway', [
    { id: 'a'.repeat(16), name: 'POST /v1/messages', at: 0, took: 12 },
  ])

  const { exitCode, stdout, stderr } = await place.mumega('trace', TRACE_ID)

  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toBe(
    `trace ${TRACE_ID}: 4 spans, 12.0 ms, services gateway, bridge
         at        took
     0.0 ms     12.0 ms  gateway: POST /v1/messages
     2.0 ms      9.0 ms    bridge: rpc.bridge.v1.send
     3.0 ms      4.0 ms      bridge: insert inbox  ERROR no
     8.0 ms      1.0 ms      bridge: insert outbox
`,
  )
})

test('a span whose parent never arrived, or is its own child, is shown all the same', async () => {
  const traceId = 'e'.repeat(32)
  givenRun({})
  await givenSpans(traceId, 'bridge', [
    { id: '1'.repeat(16), parent: 'f'.repeat(16), name: 'orphan', at: 0, took: 1 },
    { id: '2'.repeat(16), parent: '3'.repeat(16), name: 'circle one', at: 1, took: 1 },
    { id: '3'.repeat(16), parent: '2'.repeat(16), name: 'circle two', at: 2, took: 1 },
  ])

  const { stdout } = await place.mumega('trace', traceId)

  const names = stdout.split('\n').slice(2, -1)
  expect(names.map((line) => line.slice(25))).toEqual([
    'bridge: orphan',
    'bridge: circle one',
    '  bridge: circle two',
  ])
})

test('a trace of more bytes than anyone reads is refused rather than held in memory', async () => {
  const traceId = 'b'.repeat(32)
  givenRun({})
  for (const half of ['1', '2']) {
    const name = 'x'.repeat(5_000_000)
    await givenSpans(traceId, 'bridge', [{ id: half.repeat(16), name, at: 0, took: 1 }])
  }

  const { exitCode, stderr } = await place.mumega('trace', traceId)

  expect(exitCode).toBe(1)
  expect(stderr).toBe('The answer has more than 8388608 bytes.\n')
})

test('a run whose address is none is damaged, and the address is not shown', async () => {
  givenRun({ gatewayUrl: 'http://me:hunter2@' })

  const { exitCode, stderr } = await place.mumega('status')

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/run\.json is damaged\. Stop the suite and start it again\.\n$/)
})

test('an unknown trace is said to be unknown', async () => {
  givenRun({})

  const { exitCode, stderr } = await place.mumega('trace', 'd'.repeat(32))

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^There is no trace d{32}\. Only recent traces of this run are kept/)
})

test('traces that go elsewhere are said to be elsewhere', async () => {
  for (const tracesUrl of [null, undefined]) {
    givenRun({ tracesUrl })
    const { exitCode, stderr } = await place.mumega('trace', TRACE_ID)
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^The traces of this run go to the collector in OTEL_EXPORTER_OTLP_/)
  }
})

test.each([[['trace', TRACE_ID]], [['status']]])(
  'without a run there is one line with the remedy: %j',
  async (args) => {
    const absent = await place.mumega(...args)
    place.write('run.json', '{')
    const damaged = await place.mumega(...args)
    givenRun({ pid: await endedPid() })
    const ended = await place.mumega(...args)

    expect(absent).toMatchObject({ exitCode: 1, stdout: '' })
    expect(absent.stderr).toMatch(
      /^Mumega does not run here: .*run\.json does not exist\. Start it/,
    )
    expect(damaged.stderr).toMatch(/run\.json is damaged\. Stop the suite and start it again\.\n$/)
    expect(ended.stderr).toMatch(
      /^Mumega does not run here: process \d+ of .* has ended\. Start it/,
    )
  },
)

test('every server that does not answer is told of in the same words, and by no password', async () => {
  const address = `127.0.0.1:${await unusedPort()}`
  const url = `http://me:hunter2@${address}`
  givenRun({ gatewayUrl: url, tracesUrl: url })
  const token = { MUMEGA_TOKEN: `mmg_operator_${'a'.repeat(43)}` }
  const join = ['agent', 'join', 'dora', '--tenant', 'acme']

  const [status, trace, here, there] = [
    await place.mumega('status'),
    await place.mumega('trace', TRACE_ID),
    await place.mumegaWith(token, join),
    await place.mumegaWith(token, [...join, '--url', `http://${address}/`]),
  ]

  const told = (name: string) => ({
    exitCode: 1,
    stdout: '',
    stderr:
      `${name} at http://${address} does not answer: connect ECONNREFUSED ${address}. ` +
      'Check that it runs and can be reached there, then try again.\n',
  })
  expect([status, here, there]).toEqual(Array.from({ length: 3 }, () => told('The gateway')))
  expect(trace).toEqual(told('The trace store'))
})

test('an answer that is no readiness is not taken for one', async () => {
  // The receiver of traces is a server, but not the gateway.
  givenRun({})

  const { exitCode, stderr } = await place.mumega('status')

  expect(exitCode).toBe(1)
  expect(stderr).toBe(`${receiver.url}/readyz answered 404, and no readiness.\n`)
})
