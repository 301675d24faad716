import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { COSIGNATURE, generateVkey, signerFromSeed } from '@mumega/tlog/note'
import { loadConfig } from '../config.ts'
import { readTimestampSettings } from './timestamp-settings.ts'
import { readWitnessPolicy } from './witness-policy.ts'

const folder = mkdtempSync(join(tmpdir(), 'mumega-policy-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const log = signerFromSeed('log.example', Buffer.alloc(32, 1))
const LOG = generateVkey(log.name, log.publicKey)
const other = generateVkey('other.example', log.publicKey)
const witness = signerFromSeed('w.example', Buffer.alloc(32, 2), COSIGNATURE)
const WITNESS = generateVkey(witness.name, witness.publicKey, COSIGNATURE)

function written(name: string, text: string | Buffer): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

test('a policy without log lines, or with that of this log, is taken', async () => {
  const line = `witness w ${WITNESS} https://w.example/\nquorum w\n`
  for (const text of [line, `log ${LOG}\n${line}`, `log ${other}\nlog ${LOG}\n${line}`]) {
    const { witnesses } = await readWitnessPolicy(written('good', text), LOG)
    expect(witnesses.map(({ url }) => url)).toEqual(['https://w.example'])
  }
})

test.each<[what: string, text: string | Buffer, said: RegExp]>([
  ['a wrong line', `nonsense\n`, /is wrong: line 1: a line begins with/],
  [
    'another log',
    `log ${other}\nwitness w ${WITNESS} https://w/\nquorum w\n`,
    /add the line `log log/,
  ],
  ['no URL', `\nwitness w ${WITNESS}\nquorum w\n`, /line 2: w has no submission URL; write it/],
  ['no witness', 'quorum none\n', /names no witness; add/],
  ['bytes that are not text', Buffer.of(0xff), /is not UTF-8 text/],
])('a policy file with %s is refused with what to do', async (_, text, said) => {
  await expect(readWitnessPolicy(written('bad', text), LOG)).rejects.toMatchObject({
    code: 'audit-ledger.policy-unusable',
    message: expect.stringMatching(said),
  })
})

test('a policy file that is not there is refused', async () => {
  const path = join(folder, 'absent')
  await expect(readWitnessPolicy(path, LOG)).rejects.toThrow(/POLICY_FILE cannot be read/)
})

const base = {
  DATABASE_URL: 'postgres://x/x',
  NATS_URL: 'x',
  NATS_NKEY_SEED: 'x',
  LEDGER_ORIGIN: 'log.example',
  LEDGER_KEY_FILE: 'x',
}
const url = 'https://tsa.example/'

test.each<[what: string, set: Record<string, string>, said: RegExp]>([
  ['a URL without roots', { LEDGER_TSA_URL: url }, /without LEDGER_TSA_CA_FILE/],
  ['roots without a URL', { LEDGER_TSA_CA_FILE: 'x' }, /without LEDGER_TSA_URL; set both or none/],
  [
    'no file',
    { LEDGER_TSA_URL: url, LEDGER_TSA_CA_FILE: '/absent' },
    /cannot be read; is it there/,
  ],
  [
    'no certificate',
    { LEDGER_TSA_URL: url, LEDGER_TSA_CA_FILE: written('no.pem', 'x') },
    /holds no/,
  ],
  [
    'a broken certificate',
    {
      LEDGER_TSA_URL: url,
      LEDGER_TSA_CA_FILE: written(
        'broken.pem',
        '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      ),
    },
    /cannot be read/,
  ],
])('time-stamp settings with %s are refused with what to do', async (_, set, said) => {
  await expect(readTimestampSettings(loadConfig({ ...base, ...set }))).rejects.toMatchObject({
    code: 'audit-ledger.tsa-unusable',
    message: expect.stringMatching(said),
  })
})

test('a URL that is none, and bounds that are passed, are refused by name', () => {
  for (const [name, value] of [
    ['LEDGER_TSA_URL', 'tsa.example'],
    ['LEDGER_TSA_ANCHORS', '0'],
    ['LEDGER_TSA_MINUTES', '10081'],
    ['LEDGER_WITNESS_INTERVAL_MS', '9'],
    ['LEDGER_WITNESS_TIMEOUT_MS', '60001'],
    ['LEDGER_WITNESS_OVERDUE_MS', 'soon'],
  ] as const) {
    expect(() => loadConfig({ ...base, [name]: value })).toThrow(name)
  }
})
