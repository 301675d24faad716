import { spawn } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { keepRunning } from '@mumega/local/keep-running'
import { isAlive, serverProcess } from '@mumega/local/processes'
import { eventually } from '@mumega/testkit'

const STOP = [{ signal: 'SIGKILL', graceMs: 2_000 }] as const
const BACKOFF = { firstMs: 20, maxMs: 80, healthyMs: 60_000 }

/** A process that lives until it is killed, or ends by itself at once. */
async function startProgram(code: string) {
  return serverProcess(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), STOP)
}
const forEver = () => startProgram('setInterval(() => {}, 1000)')

test('a server that was killed runs again, as another process', async () => {
  const lines: string[] = []
  const log = (line: string) => lines.push(line)
  const kept = await keepRunning({ name: 'it', start: forEver, log, backoff: BACKOFF })
  const first = kept.current().pid

  await kept.current().kill()

  const second = await eventually(async () => kept.current().pid !== first && kept.current().pid, {
    what: 'another process',
  })
  expect(isAlive(second)).toBe(true)
  expect(lines[0]).toContain('ended by SIGKILL')
  await kept.stop()
  expect(isAlive(second)).toBe(false)
})

test('a server that crashes again and again is restarted ever more slowly, and never given up', async () => {
  const startedAt: number[] = []
  const start = async () => {
    startedAt.push(Date.now())
    return serverProcess(spawn('false', { stdio: 'ignore' }), STOP)
  }
  const backoff = { ...BACKOFF, firstMs: 100, maxMs: 400 }
  const kept = await keepRunning({ name: 'it', start, log: () => undefined, backoff })

  await eventually(async () => startedAt.length >= 6, { what: 'six starts' })
  await kept.stop()

  const gaps = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? at))
  for (const [index, atLeastMs] of [100, 200, 400, 400, 400].entries()) {
    // A timer may be a millisecond early.
    expect(gaps[index]).toBeGreaterThanOrEqual(atLeastMs - 1)
  }
})

test('a restart that fails is said and tried again', async () => {
  const lines: string[] = []
  let attempts = 0
  const start = async () => {
    attempts += 1
    if (attempts === 2 || attempts === 3) throw new Error('no memory')
    return forEver()
  }
  const log = (line: string) => lines.push(line)
  const kept = await keepRunning({ name: 'it', start, log, backoff: BACKOFF })

  await kept.current().kill()

  await eventually(async () => kept.restarts() === 1, { what: 'the restart' })
  expect(attempts).toBe(4)
  expect(lines.filter((line) => line.includes('no memory'))).toHaveLength(2)
  await kept.stop()
})

test('a server that is stopped is not restarted', async () => {
  const kept = await keepRunning({
    ...{ name: 'it', start: forEver, backoff: BACKOFF },
    log: (line) => {
      throw new Error(line)
    },
  })

  await kept.stop()

  expect(isAlive(kept.current().pid)).toBe(false)
  expect(kept.restarts()).toBe(0)
})

test('the failure of the first start is the caller’s', async () => {
  const start = async () => {
    throw new Error('no such port')
  }

  await expect(keepRunning({ name: 'it', start, log: () => undefined })).rejects.toThrow(
    'no such port',
  )
})
