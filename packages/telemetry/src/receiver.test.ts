import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Receiver, startReceiver } from './receiver.ts'

const TRACES_MAX = 3
let receiver: Receiver

beforeAll(async () => {
  receiver = await startReceiver({ tracesMax: TRACES_MAX })
})

afterAll(() => receiver.close())

function post(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${receiver.url}/v1/traces`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

function traceIdOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

function givenRequest(traceId: string, span: object = {}): string {
  const whole = {
    traceId,
    spanId: 'b7ad6b7169203331',
    name: 'rpc.bridge.v1.send-message',
    kind: 3,
    startTimeUnixNano: '1760000000000500000',
    endTimeUnixNano: '1760000000002000000',
    ...span,
  }
  const service = { key: 'service.name', value: { stringValue: 'gateway' } }
  return JSON.stringify({
    resourceSpans: [{ resource: { attributes: [service] }, scopeSpans: [{ spans: [whole] }] }],
  })
}

test('a span is answered with service, kind, milliseconds, attributes and status', async () => {
  const attributes = [
    { key: 'messaging.system', value: { stringValue: 'nats' } },
    { key: 'messaging.nats.deliveries', value: { intValue: '2' } },
    { key: 'names', value: { arrayValue: { values: [{ stringValue: 'a' }] } } },
  ]
  const status = { code: 2, message: 'no luck' }
  const request = givenRequest(traceIdOf(1), {
    attributes,
    status,
    parentSpanId: '00f067aa0ba902b7',
  })

  expect((await post(request)).status).toBe(200)

  const answer = await fetch(`${receiver.url}/traces/${traceIdOf(1)}`)
  expect(await answer.json()).toEqual({
    traceId: traceIdOf(1),
    spans: [
      {
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        name: 'rpc.bridge.v1.send-message',
        kind: 'client',
        service: 'gateway',
        startMs: 1_760_000_000_000.5,
        durationMs: 1.5,
        attributes: { 'messaging.system': 'nats', 'messaging.nats.deliveries': 2, names: ['a'] },
        status: { code: 'error', message: 'no luck' },
      },
    ],
  })
})

test('past the bound the oldest trace is forgotten and the newest are kept', async () => {
  for (let number = 10; number <= 10 + TRACES_MAX; number += 1) {
    await post(givenRequest(traceIdOf(number)))
  }

  expect((await fetch(`${receiver.url}/traces/${traceIdOf(10)}`)).status).toBe(404)
  expect((await fetch(`${receiver.url}/traces/${traceIdOf(11)}`)).status).toBe(200)
})

test.each([
  ['no JSON', 'spans'],
  ['no object', '[]'],
  ['spans that are no list', '{"resourceSpans":{"a":1}}'],
  ['a trace id of the wrong length', givenRequest('abcd')],
  ['a span without times', givenRequest(traceIdOf(50), { startTimeUnixNano: null })],
])('%s is refused, and nothing of it is kept', async (_, body) => {
  expect((await post(body)).status).toBe(400)
  expect(receiver.find(traceIdOf(50))).toBeUndefined()
})

test('a body over 8 MiB is refused', async () => {
  const body = givenRequest(traceIdOf(60), { name: 'x'.repeat(8 * 1_048_576) })

  expect((await post(body)).status).toBe(413)
  expect(receiver.find(traceIdOf(60))).toBeUndefined()
})

test('a compressed body is refused rather than misread', async () => {
  expect((await post('whatever', { 'content-encoding': 'gzip' })).status).toBe(415)
})

test.each(['/traces/none', '/traces/', '/', '/v1/traces', `/traces/${traceIdOf(99)}`])(
  'GET %s finds nothing',
  async (path) => {
    expect((await fetch(`${receiver.url}${path}`)).status).toBe(404)
  },
)
