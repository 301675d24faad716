import { expect, test } from '@jest/globals'
import { readinessText } from './status.ts'

test('each dependency is shown with how it is and, when it is amiss, why', () => {
  const dependencies = [
    { name: 'postgres', status: 'ok', latencyMs: 0.8 },
    {
      name: 'audit-ledger',
      status: 'unknown',
      reason: 'No answer within 1500 ms.',
      latencyMs: 1500,
    },
    { name: 'nats', status: 'failing', reason: 'gone\u001b[2J' },
  ]

  const run = { gatewayUrl: 'http://127.0.0.1:8080', isReady: false }
  expect(readinessText({ dependencies }, run)).toBe(
    `NOT READY: http://127.0.0.1:8080
  postgres      ok          0.8 ms
  audit-ledger  unknown  1500.0 ms  No answer within 1500 ms.
  nats          failing             gone\\u{1b}[2J
`,
  )
  expect(readinessText({ dependencies: [] }, { ...run, isReady: true })).toMatch(/^READY: /)
})
