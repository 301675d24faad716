import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenEntries, givenPlace, givenReceipt, PROGRAM, vkey, type Place } from './given.ts'

const receipt = givenReceipt(givenEntries({}, {}, {}), 1)
const QUICKLY = { MUMEGA_PIPE_SILENCE_MS: '500' }

let place: Place
let pipe: string
beforeEach(() => {
  place = givenPlace()
  place.write('receipt', receipt)
  pipe = join(place.folder, 'pipe')
  execFileSync('mkfifo', [pipe])
})
afterEach(() => {
  place.remove()
})

test.each([
  [['verify', 'pipe', '--vkey', vkey]],
  [['verify', 'receipt', '--vkey', 'pipe']],
  [['verify', 'receipt', '--vkey', vkey, '--payload', 'pipe']],
  [['verify', 'receipt', '--vkey', vkey, '--policy', 'pipe']],
  [['audit', 'pipe', '--key', vkey]],
])('a pipe that nobody writes into is waited for so long and not longer: %j', async (args) => {
  const { exitCode, stdout, stderr } = await place.mumegaWith(QUICKLY, args)

  expect({ exitCode, stdout }).toEqual({ exitCode: 66, stdout: '' })
  expect(stderr).toBe(
    'Cannot read pipe: nothing was written into it for 0.5 s. Write what it should give into a ' +
      'file, and name that, or set MUMEGA_PIPE_SILENCE_MS to more than that.\n',
  )
})

test.each(['verify', 'audit'])('nor does %s wait for a writer that stands still', async (name) => {
  const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  writeSync(writer, '{')

  const { exitCode, stderr } = await place.mumegaWith(QUICKLY, [name, 'pipe', '--vkey', vkey])

  closeSync(writer)
  expect(exitCode).toBe(66)
  expect(stderr).toMatch(/^Cannot read pipe: nothing was written into it for 0\.5 s/)
})

test('a pipe whose writer comes later, and writes in parts, is read to its end', async () => {
  const verified = place.mumega('verify', 'pipe', '--vkey', vkey)
  // It cannot be opened before somebody reads.
  const open = () => Promise.resolve(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
  const writer = await eventually(open, { what: 'somebody to read the pipe' })
  writeSync(writer, receipt.slice(0, 100))
  writeSync(writer, receipt.slice(100))
  closeSync(writer)

  const { exitCode, stdout } = await verified

  expect(stdout).toMatch(/^VALID: /)
  expect(exitCode).toBe(0)
})

test.each([
  ['standard input', `cat receipt | mumega verify /dev/stdin --vkey ${vkey}`],
  ['a file as standard input', `mumega verify /dev/stdin --vkey ${vkey} < receipt`],
  ['a descriptor, as that of <(…)', `cat receipt | mumega verify /dev/fd/3 --vkey ${vkey} 3<&0`],
])('%s is read to its end', async (_, script) => {
  const { exitCode, stdout } = await place.shell(script)

  expect(stdout).toMatch(/^VALID: /)
  expect(exitCode).toBe(0)
})

test('a pipe whose writer ended without a word is empty at once', async () => {
  const { exitCode, stdout } = await place.shell(`: | mumega audit /dev/stdin --key ${vkey}`)

  expect(stdout).toMatch(/^MALFORMED: /)
  expect(exitCode).toBe(5)
})

test('a pipe that never ends is read up to a bound', async () => {
  const verified = await place.shell(`yes | mumega verify /dev/stdin --vkey ${vkey}`)
  const audited = await place.shell(`yes | tr -d '\\n' | mumega audit /dev/stdin --key ${vkey}`)

  expect(verified).toMatchObject({ exitCode: 66, stderr: expect.stringContaining('more than') })
  expect(audited).toMatchObject({ exitCode: 5, stdout: expect.stringContaining('longer than') })
})

test.each(['verify', 'audit'])(
  '%s says of a socket and of a folder what they are',
  async (name) => {
    const server = createServer().listen(join(place.folder, 'socket'))
    await eventually(() => Promise.resolve(server.listening), { what: 'a socket' })

    const socket = await place.mumega(name, 'socket', '--vkey', vkey)
    const folder = await place.mumega(name, '.', '--vkey', vkey)

    server.close()
    const ended = { exitCode: 66, stdout: '' }
    expect(socket).toEqual({
      ...ended,
      stderr:
        'Cannot read socket: it is a socket. Write what it should give into a file, and name that.\n',
    })
    expect(folder).toEqual({ ...ended, stderr: 'Cannot read .: it is a folder.\n' })
  },
)

test('a standard input that is a socket, as programs in Node give it, is waited for no longer', async () => {
  const words = [PROGRAM, 'engram', 'record', '-']
  const child = spawn(process.execPath, words, { env: { ...QUICKLY }, timeout: 50_000 })
  child.stdin.write('{"kind":')
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  await once(child, 'close')
  expect(child.exitCode).toBe(66)
  expect(told).toMatch(/^Cannot read -: nothing was written into it for 0\.5 s\./)
})
