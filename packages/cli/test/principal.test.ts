import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { parseSignerKey } from '@mumega/tlog/signer-key'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { rotationText } from '@mumega/tlog/rotation'
import { faultOfStatement, statementText } from '@mumega/tlog/statement'
import { givenPlace, type Place } from './given.ts'

let place: Place
beforeEach(() => {
  place = givenPlace()
})
afterEach(() => {
  place.remove()
})

const inPlace = (name: string) => join(place.folder, name)

/** The public key of a new key in this file. */
async function givenKey(file: string, principalId = 'agent.athena'): Promise<string> {
  const made = await place.mumega('principal', 'new', principalId, '--key', inPlace(file))
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  return made.stdout.trim()
}

test('a new key is in a file of its owner alone, and only its public half is printed', async () => {
  const vkey = await givenKey('athena.key')

  expect(statSync(inPlace('athena.key')).mode & 0o777).toBe(0o600)
  const signer = parseSignerKey(readFileSync(inPlace('athena.key'), 'utf8').trim())
  expect(parseVkey(vkey)).toMatchObject({ name: 'agent.athena', keyId: signer.keyId })
  const shown = await place.mumega('principal', 'vkey', '--key', inPlace('athena.key'))
  expect(shown).toMatchObject({ exitCode: 0, stdout: `${vkey}\n` })
})

test('a key that is there is never written over', async () => {
  await givenKey('athena.key')
  const before = readFileSync(inPlace('athena.key'))

  const again = await place.mumega('principal', 'new', 'agent.b', '--key', inPlace('athena.key'))

  expect(again).toMatchObject({ exitCode: 74, stdout: '' })
  expect(readFileSync(inPlace('athena.key'))).toEqual(before)
})

test('a statement is signed as a note, from a file or the standard input', async () => {
  const vkey = await givenKey('athena.key')
  const text = statementText('ratify-objective', { objective: 'grow', version: 2 })
  place.write('statement', text)

  const named = await place.mumega(
    ...['principal', 'sign', inPlace('statement'), '--key', inPlace('athena.key')],
  )
  const piped = await place.shell(
    `mumega principal sign --key '${inPlace('athena.key')}' < '${inPlace('statement')}'`,
  )

  expect(named).toEqual({ exitCode: 0, stdout: piped.stdout, stderr: '' })
  expect(openNote(named.stdout, [parseVkey(vkey)]).text).toBe(text)
  expect(faultOfStatement(named.stdout, { text, vkeys: [vkey] })).toBeUndefined()
})

test.each([
  ['a checkpoint', 'localhost/mumega\n7\nAAAA\n'],
  ['half a line', 'mumega/rotate-key/v1\nprincipal "a"'],
  ['what follows a statement', 'mumega/rotate-key/v1\n\nmore\n'],
  ['a value that is no JSON', 'mumega/rotate-key/v1\nprincipal whoever\n'],
  ['a value with a space too many', 'mumega/rotate-key/v1\nversion  1\n'],
  ['what is no UTF-8', Buffer.from('mumega/rotate-key/v1\nprincipal "\xff"\n', 'latin1')],
  ['nothing', ''],
])('%s is not signed', async (_what, text) => {
  await givenKey('athena.key')
  place.write('statement', text)

  const refused = await place.mumega(
    ...['principal', 'sign', inPlace('statement'), '--key', inPlace('athena.key')],
  )

  expect(refused).toMatchObject({ exitCode: 64, stdout: '' })
  expect(refused.stderr).toContain('This is no statement')
})

test('a rotation is signed by both keys', async () => {
  const from = await givenKey('old.key')
  const to = await givenKey('new.key')
  const files = ['--key', inPlace('old.key'), '--next', inPlace('new.key')]

  const { exitCode, stdout } = await place.mumega('principal', 'rotate', ...files, '--print')

  expect(exitCode).toBe(0)
  const text = rotationText({ principalId: 'agent.athena', from, to })
  expect(faultOfStatement(stdout, { text, vkeys: [from, to] })).toBeUndefined()
})

test('what is wrong is said, and no key is shown', async () => {
  await givenKey('athena.key')
  await givenKey('kasra.key', 'agent.kasra')
  const athena = ['--key', inPlace('athena.key')]
  const secret = readFileSync(inPlace('athena.key'), 'utf8').trim()
  place.write('broken.key', secret.replace(/.{4}$/, 'AAA='))
  chmodSync(inPlace('broken.key'), 0o600)

  for (const [words, code, told] of [
    [['new', 'athena', '--key', 'x'], 64, 'agent.<name> or human.<name>'],
    [['new', '--key', 'x'], 64, 'Name a principal'],
    [['vkey'], 64, '--key'],
    [['vkey', '--key', inPlace('absent.key')], 66, 'absent.key'],
    [['vkey', '--key', inPlace('broken.key')], 64, 'holds no principal’s key'],
    [['vkey', '--key', secret], 66, 'PRIVATE+KEY+…'],
    [['rotate', ...athena], 64, '--next'],
    [['rotate', ...athena, '--next', inPlace('kasra.key')], 64, 'agent.kasra’s'],
    [['rotate', 'now', ...athena], 64, 'options only'],
    [['burn', ...athena], 64, '`mumega principal new`'],
    [['burn'], 64, '`mumega principal new`'],
    [[], 64, '`mumega principal new`'],
  ] as const) {
    const refused = await place.mumega('principal', ...words)
    expect([words, refused.exitCode, refused.stdout]).toEqual([words, code, ''])
    expect(refused.stderr).toContain(told)
    expect(refused.stderr).not.toContain(secret)
  }
})

test.each([0o640, 0o604, 0o620, 0o666])(
  'with a key of mode %i, which is open to others, nothing is signed',
  async (mode) => {
    await givenKey('athena.key')
    await givenKey('next.key')
    place.write('statement', statementText('ratify-objective', { objective: 'grow' }))
    const key = inPlace('athena.key')
    for (const words of [
      ['sign', inPlace('statement'), '--key', key],
      ['rotate', '--key', inPlace('next.key'), '--next', key, '--print'],
    ]) {
      chmodSync(key, mode)
      const refused = await place.mumega('principal', ...words)
      expect(refused).toMatchObject({ exitCode: 66, stdout: '' })
      expect(refused.stderr).toBe(
        `Cannot read ${key}: it is open to others. Run \`chmod 600 ${key}\`.\n`,
      )
      chmodSync(key, 0o400)
      expect(await place.mumega('principal', ...words)).toMatchObject({ exitCode: 0, stderr: '' })
    }
  },
)
