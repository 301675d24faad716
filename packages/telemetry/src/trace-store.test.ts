import { expect, test } from '@jest/globals'
import { openTraceStore, type StoredSpan } from './trace-store.ts'

function span(traceId: string): StoredSpan {
  return {
    traceId,
    spanId: 'a',
    name: 'step',
    kind: 'internal',
    service: 'sample',
    startMs: 0,
    durationMs: 1,
    attributes: {},
    status: { code: 'unset' },
  }
}

test('traces that came in more text than the bound leave the newest', () => {
  const store = openTraceStore({ tracesMax: 100, charsMax: 1_000 })

  for (const traceId of ['first', 'second', 'third']) store.add([span(traceId), span(traceId)], 400)

  expect(store.find('first')).toBeUndefined()
  expect(store.find('second')?.spans).toHaveLength(2)
  expect(store.find('third')?.spans).toHaveLength(2)
})

test('more traces than the bound leave the newest', () => {
  const store = openTraceStore({ tracesMax: 1, charsMax: 1_000 })

  for (const traceId of ['first', 'second']) store.add([span(traceId)], 1)

  expect(store.find('first')).toBeUndefined()
  expect(store.find('second')).toBeDefined()
})
