import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SERVICES } from '@mumega/contracts/topology'
import { eventually, startTestSuite, type TestSuite } from '@mumega/testkit'
import { givenPlace, type Place } from './given.ts'

let place: Place
let suite: TestSuite

beforeAll(async () => {
  place = givenPlace()
  suite = await startTestSuite({ services: SERVICES })
  const { gatewayUrl } = suite
  place.write('run.json', JSON.stringify({ gatewayUrl, pid: process.pid }))
}, 60_000)
afterAll(async () => {
  await suite.stop()
  place.remove()
})

test('a suite is ready while every service answers, and not when one was killed', async () => {
  const ready = await eventually(
    async () => {
      const ended = await place.mumega('status')
      return ended.exitCode === 0 && ended
    },
    { what: 'the suite becomes ready' },
  )
  await suite.kill('bridge')
  // The gateway tells what it saw a second ago at most.
  const amiss = await eventually(
    async () => {
      const ended = await place.mumega('status')
      return ended.exitCode !== 0 && ended
    },
    { what: 'the suite is no longer ready' },
  )
  const json = await place.mumega('status', '--json')

  expect(ready.stdout).toMatch(/^READY: http:\/\/127\.0\.0\.1:\d+\n/)
  for (const name of ['postgres', 'nats', 'audit-ledger', 'bridge']) {
    expect(ready.stdout).toMatch(new RegExp(`^ {2}${name} +ok +\\d+\\.\\d ms$`, 'm'))
  }
  expect(amiss).toMatchObject({ exitCode: 1, stderr: '' })
  expect(amiss.stdout).toMatch(/^NOT READY: /)
  expect(amiss.stdout).toMatch(/^ {2}bridge +(failing|unknown) .*\S$/m)
  expect(amiss.stdout).toMatch(/^ {2}postgres +ok /m)
  expect(json.exitCode).toBe(1)
  const { dependencies } = JSON.parse(json.stdout) as { dependencies: { name: string }[] }
  expect(dependencies.map(({ name }) => name)).toContain('bridge')
})
