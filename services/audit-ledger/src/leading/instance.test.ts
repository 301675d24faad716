import { expect, test } from '@jest/globals'
import { loadConfig } from '../config.ts'
import { describeInstance } from './instance.ts'

const BASE = {
  DATABASE_URL: 'postgres://ledger@127.0.0.1/mumega',
  NATS_URL: 'nats://127.0.0.1:4222',
  NATS_NKEY_SEED: 'x',
  LEDGER_ORIGIN: 'localhost/test',
  LEDGER_KEY_FILE: '/run/key',
}
const KEY = { origin: 'localhost/test', vkey: 'v', sign: () => '', open: () => undefined }

function hashOf(settings: Record<string, string>): string {
  const config = loadConfig({ ...BASE, ...settings })
  return describeInstance(config, { key: KEY, vouchers: { fingerprint: 'f' } }).configHash
}

test.each([
  ['LEDGER_GAP_MS', '86400000'],
  ['LEDGER_OUTCOME_MS', '31536000000'],
  ['LEDGER_SCRUB_DELAY_MS', '86400000'],
  ['LEDGER_SCRUB_ENTRIES_PER_SECOND', '1'],
  ['LEDGER_SCRUB_PASS_MS_MIN', '86400000'],
  ['LEDGER_WITNESS_OVERDUE_MS', '86400000'],
  ['LEDGER_LEASE_MS', '3000'],
])('ledgers of which one finds less, or later, by %s are told apart', (name, value) => {
  expect(hashOf({ [name]: value })).not.toBe(hashOf({}))
})

test.each([
  ['LEDGER_KEY_FILE', '/elsewhere'],
  ['LEDGER_ANCHOR_DIR', '/elsewhere'],
  ['LOG_LEVEL', 'debug'],
])('where a ledger finds its parts, as %s, is its own', (name, value) => {
  expect(hashOf({ [name]: value })).toBe(hashOf({}))
})
