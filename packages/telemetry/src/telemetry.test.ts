import { expect, test } from '@jest/globals'
import { currentTraceparent, traceIdOf, withSpan } from './telemetry.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

test('the trace id is read from a traceparent', () => {
  expect(traceIdOf(`00-${TRACE_ID}-b7ad6b7169203331-01`)).toBe(TRACE_ID)
})

test.each([
  ['nothing', undefined],
  ['an empty text', ''],
  ['all zeros, which W3C forbids', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['upper case, which W3C forbids', `00-${TRACE_ID.toUpperCase()}-b7ad6b7169203331-01`],
  ['something behind it', `00-${TRACE_ID}-b7ad6b7169203331-01-more`],
])('%s has no trace id', (_, traceparent) => {
  expect(traceIdOf(traceparent)).toBeUndefined()
})

test('a process that registered nothing runs what is in a span, and has no trace', async () => {
  const seen = await withSpan(
    'work',
    { kind: 'server' },
    async () => currentTraceparent() ?? 'none',
  )

  expect(seen).toBe('none')
})

test('what fails in a span fails outside of it in the same way', async () => {
  const failure = new Error('no luck')

  await expect(withSpan('work', {}, () => Promise.reject(failure))).rejects.toBe(failure)
})
