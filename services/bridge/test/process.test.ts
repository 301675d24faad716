import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { healthOf } from '@mumega/contracts/health'
import { eventually } from '@mumega/testkit'
import { forkBridge, forkMain } from './forked.ts'
import { operator, startTestBridge, type TestBridge } from './given.ts'

let bridge: TestBridge
beforeAll(async () => {
  bridge = await startTestBridge()
})
afterAll(async () => {
  await bridge.stop()
})

const health = () => bridge.call(operator('substrate'), healthOf('bridge'), {})

test('a healthy bridge says so of each thing it depends on', async () => {
  const seen = await eventually(
    async () => {
      const found = await health()
      return found.status === 'ok' ? found : undefined
    },
    { what: 'health' },
  )

  expect(seen).toMatchObject({ service: 'bridge', version: '0.1.0' })
  expect(seen.dependencies.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'postgres ok',
    'nats ok',
    'relay ok',
  ])
  expect(seen.figures).toMatchObject({ asksWaiting: 0, deadLettersOpen: 0 })
})

test('a bridge whose database refuses it says so, in time, and recovers', async () => {
  const name = new URL(bridge.database.urlOf('bridge')).pathname.slice(1)
  await bridge.admin.raw(`alter database ${name} connection limit 0`)
  await bridge.admin.raw(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where usename = 'mumega_bridge' and datname = current_database()`,
  )

  const sick = await health()
  expect(sick.status).toBe('failing')
  expect(sick.dependencies[0]).toMatchObject({ name: 'postgres', status: 'failing' })
  expect(sick.figures).not.toHaveProperty('deadLettersOpen')

  await bridge.admin.raw(`alter database ${name} connection limit -1`)
  await eventually(async () => (await health()).status === 'ok', { what: 'recovery' })
})

test('the process says when it serves, and ends cleanly on both signals', async () => {
  const { child } = forkBridge(bridge)
  const [message] = (await once(child, 'message')) as [unknown]
  expect(message).toEqual({ ready: true })

  const exited = once(child, 'exit')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGTERM'] as const) child.kill(signal)
  expect(await exited).toEqual([0, null])
})

test('a process with wrong settings ends with their names and without their values', async () => {
  const { child, output } = forkMain({
    NATS_URL: 'nats://127.0.0.1:1',
    MUMEGA_TIME_SCALE: 'hunter2',
  })
  const [code] = (await once(child, 'exit')) as [number]

  expect(code).toBe(1)
  expect(output()).toContain('DATABASE_URL')
  expect(output()).toContain('MUMEGA_TIME_SCALE')
  expect(output()).not.toContain('hunter2')
})
