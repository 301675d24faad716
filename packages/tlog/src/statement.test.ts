import { expect, test } from '@jest/globals'
import { generateVkey, signerFromSeed, signNote } from './note.ts'
import { faultOfStatement, isStatement, STATEMENT_BYTES_MAX, statementText } from './statement.ts'

const signer = signerFromSeed('agent.athena', Buffer.alloc(32, 7))
const vkey = generateVkey(signer.name, signer.publicKey)

test('a statement is its kind and a line for each field, whatever the values hold', () => {
  const text = statementText('ratify', {
    objective: 'grow',
    version: 2,
    reason: 'a\nb "c" é\u2028',
  })

  expect(text).toBe(
    'mumega/ratify/v1\nobjective "grow"\nversion 2\nreason "a\\nb \\"c\\" é\u2028"\n',
  )
  expect(isStatement(text)).toBe(true)
})

test('two statements never have one text', () => {
  const texts = [
    statementText('ratify', { objective: 'a', version: 1 }),
    statementText('ratify', { objective: 'a\nversion 1' }),
    statementText('ratify', { version: 1, objective: 'a' }),
    statementText('ratify', { objective: 'a', version: '1' }),
    statementText('decline', { objective: 'a', version: 1 }),
  ]
  expect(new Set(texts).size).toBe(texts.length)
})

test.each([
  ['kind', () => statementText('Ratify', {})],
  ['kind with a line break', () => statementText('a\nb', {})],
  ['field', () => statementText('ratify', { 'two words': 1 })],
  ['length', () => statementText('ratify', { reason: 'x'.repeat(STATEMENT_BYTES_MAX) })],
])('what no statement may have is refused: %s', (_what, make) => {
  expect(make).toThrow()
})

test.each([
  ['nothing', ''],
  ['a kind without a version', 'mumega/ratify\n'],
  ['half a line', 'mumega/ratify/v1\nversion 1'],
  ['an empty line', 'mumega/ratify/v1\n\nversion 1\n'],
  ['a checkpoint', 'localhost/mumega\n7\nAAAA\n'],
  ['too much', `mumega/ratify/v1\nreason "${'x'.repeat(STATEMENT_BYTES_MAX)}"\n`],
])('%s has not the form of a statement', (_what, text) => {
  expect(isStatement(text)).toBe(false)
})

test('a note counts for exactly its text and all of its keys', () => {
  const text = statementText('ratify', { objective: 'grow', version: 2 })
  const other = statementText('ratify', { objective: 'grow', version: 3 })
  const note = signNote(text, signer)
  const stranger = signerFromSeed('agent.athena', Buffer.alloc(32, 8))
  const second = generateVkey(stranger.name, stranger.publicKey)

  expect(faultOfStatement(note, { text, vkeys: [vkey] })).toBeUndefined()
  expect(faultOfStatement(note, { text: other, vkeys: [vkey] })).toBe('other-text')
  expect(faultOfStatement(note, { text, vkeys: [second] })).toBe('unsigned')
  expect(faultOfStatement(note, { text, vkeys: [vkey, second] })).toBe('unsigned')
  expect(faultOfStatement(note.replace('grow', 'grou'), { text, vkeys: [vkey] })).toBe(
    'invalid-signature',
  )
  expect(faultOfStatement(text, { text, vkeys: [vkey] })).toBe('malformed')
})
