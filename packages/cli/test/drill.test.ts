import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { startTestDatabase } from '@mumega/testkit'
import { givenPlace, vkey, type Place } from './given.ts'

let place: Place

beforeEach(() => {
  place = givenPlace()
})
afterEach(() => {
  place.remove()
})

/** What a run of the suite leaves for others: where it is, and the log's public key. */
function givenRun(): void {
  const url = 'http://127.0.0.1:9'
  place.write('run.json', JSON.stringify({ gatewayUrl: url, pid: process.pid }))
  place.write('log.vkey', vkey)
}

test.each([
  [['drill'], /^Name what to drill, `tamper`/],
  [['drill', 'fire'], /^There is no drill "fire"/],
  [['drill', 'tamper', 'twice'], /^Only what to drill, `tamper` is expected/],
  [['drill', 'tamper', '--mib', '0'], /^--mib is a number of MiB/],
  [['drill', 'tamper', '--rows', '5'], /^Unknown option '--rows'/],
])('a wrong command line is told apart from a drill that failed: %j', async (args, complaint) => {
  const { exitCode, stdout, stderr } = await place.mumega(...args)

  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' })
  expect(stderr).toMatch(complaint)
})

test('without a run there is no drill', async () => {
  const { exitCode, stderr } = await place.mumega('drill', 'tamper')

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^Mumega does not run here: .* Start it with `npm start`/)
})

test('a run whose PostgreSQL is another one says what to set', async () => {
  givenRun()

  const { exitCode, stderr } = await place.mumega('drill', 'tamper')

  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^No PostgreSQL runs on .*\. Start the suite there, or set DATABASE_URL/)
})

test('a drill that cannot be held says why, and fails', async () => {
  givenRun()
  const database = await startTestDatabase(['audit-ledger'])
  try {
    const { exitCode, stdout, stderr } = await place.mumegaWith(
      { DATABASE_URL: database.adminUrl },
      ['drill', 'tamper'],
    )

    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toBe('The log is empty: there is nothing to alter. Send a message first.\n')
  } finally {
    await database.drop()
  }
})

test('a PostgreSQL that does not answer is said in one line, without its password', async () => {
  givenRun()

  const { exitCode, stderr } = await place.mumegaWith(
    { DATABASE_URL: 'postgres://postgres:secret@127.0.0.1:9/postgres' },
    ['drill', 'tamper'],
  )

  expect(exitCode).toBe(1)
  expect(stderr).toBe(
    "The ledger's PostgreSQL at postgres://127.0.0.1:9/postgres does not answer: ECONNREFUSED. " +
      'Check that it runs and can be reached there, then try again.\n',
  )
})

test('a PostgreSQL that lets nobody in is not said to be silent', async () => {
  givenRun()
  const database = await startTestDatabase(['audit-ledger'])
  const absent = new URL(database.adminUrl)
  absent.pathname = '/absent'
  try {
    const { exitCode, stderr } = await place.mumegaWith({ DATABASE_URL: absent.href }, [
      ...['drill', 'tamper'],
    ])

    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /at postgres:\/\/[^@]+\/absent lets nobody in .*: 3D000\. Check DATABASE/,
    )
  } finally {
    await database.drop()
  }
})
