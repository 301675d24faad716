import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { loadLedgerSeed } from './ledger-key.ts'
import { loadSecrets } from './secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('secrets are made once, kept, and readable by their owner only', () => {
  const path = join(folder, 'kept.json')

  const first = loadSecrets(path, ['bridge', 'gateway'])
  const second = loadSecrets(path, ['bridge', 'gateway'])

  expect(second).toEqual(first)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(first.services['bridge']).not.toEqual(first.services['gateway'])
})

test('a service that is new gets secrets of its own, and the others keep theirs', () => {
  const path = join(folder, 'grown.json')
  const before = loadSecrets(path, ['bridge'])

  const after = loadSecrets(path, ['bridge', 'crm'])

  expect(after.services['bridge']).toEqual(before.services['bridge'])
  expect(after.services['crm']?.natsSeed).toMatch(/^SU/)
  expect(after.postgresPassword).toBe(before.postgresPassword)
})

test.each(['', '{', '{"services":{}}'])(
  'secrets that are damaged (%j) are refused and left',
  (text) => {
    const path = join(folder, 'damaged.json')
    writeFileSync(path, text)

    expect(() => loadSecrets(path, ['bridge'])).toThrow(
      expect.objectContaining({ code: 'local.secrets-unreadable' }),
    )
    expect(readFileSync(path, 'utf8')).toBe(text)
  },
)

test('the ledger signs with the same key in every run, and a damaged one is never replaced', () => {
  const path = join(folder, 'ledger.key')

  const seed = loadLedgerSeed(path)

  expect(seed).toHaveLength(32)
  expect(loadLedgerSeed(path)).toEqual(seed)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  writeFileSync(path, 'damaged')
  expect(() => loadLedgerSeed(path)).toThrow(
    expect.objectContaining({ code: 'local.ledger-key-unreadable' }),
  )
  expect(readFileSync(path, 'utf8')).toBe('damaged')
})
