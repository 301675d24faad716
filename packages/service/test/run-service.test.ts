import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const PROGRAM = fileURLToPath(new URL('service-program.js', import.meta.url))

/** A service that does `what`, and gets this signal once it serves. */
async function ended(what: string, signal?: NodeJS.Signals) {
  const child = fork(PROGRAM, [what], { silent: true })
  const told: unknown[] = []
  let log = ''
  child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.on('message', (message) => {
    told.push(message)
    if (signal !== undefined && told.length === 1) child.kill(signal)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, told, log }
}

const READY = { ready: true, url: 'http://here' }

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops a service, which ends well', async (signal) => {
  const { code, told } = await ended('serves', signal)
  expect([code, told]).toEqual([0, [READY, { stopping: true }]])
})

test.each([
  ['throws', 'uncaughtException'],
  ['rejects', 'unhandledRejection'],
])('a service in which something %s unforeseen ends at once, and says why', async (what, event) => {
  const { code, told, log } = await ended(what)
  expect([code, told]).toEqual([1, [READY]])
  expect(log).toContain(`"event":"${event}"`)
})

test('a service that does not stop within its bound is ended', async () => {
  const { code, log } = await ended('hangs', 'SIGTERM')
  expect(code).toBe(1)
  expect(log).toContain('"event":"stop-took-too-long"')
})

test('a service that fails to stop does not pass for one that has stopped', async () => {
  const { code } = await ended('fails to stop', 'SIGTERM')
  expect(code).toBe(1)
})
