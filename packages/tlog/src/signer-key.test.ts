import { expect, test } from '@jest/globals'
import { generateVkey, openNote, parseVkey, signNote } from './note.ts'
import { generateSignerKey, parseSignerKey } from './signer-key.ts'

// The example of golang.org/x/mod/sumdb/note.
const KEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
const VKEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'

test('a key that Go made is read, and its public half is the one that Go names', () => {
  const signer = parseSignerKey(KEY)

  expect(generateVkey(signer.name, signer.publicKey)).toBe(VKEY)
  expect(openNote(signNote('a text\n', signer), [parseVkey(VKEY)]).text).toBe('a text\n')
})

test('a key is written as Go writes it', () => {
  const seed = Buffer.from(KEY.split('+').slice(4).join('+'), 'base64').subarray(1)
  expect(generateSignerKey('PeterNeumann', seed)).toBe(KEY)
})

test.each([
  ['nothing', ''],
  ['a public key', VKEY],
  ['another name', KEY.replace('PeterNeumann', 'PeterNeumanm')],
  ['another id', KEY.replace('c74f20a3', 'c74f20a4')],
  ['a key that is cut', KEY.slice(0, -4)],
  ['a key of another type', KEY.replace('+AYEK', '+BIEK')],
  ['what follows', `${KEY}\n`],
])('%s is no signer’s key, and no key is told', (_what, text) => {
  let told = ''
  try {
    parseSignerKey(text)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    told = String(error)
  }
  expect(told).toContain('key')
  expect(told).not.toContain('AYEK')
})
