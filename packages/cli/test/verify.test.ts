import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { redactionTarget } from '@mumega/tlog/receipt'
import { verifyReceiptFiles } from '@mumega/tlog/receipt-file'
import {
  disclosure,
  givenEntries,
  givenPlace,
  givenReceipt,
  strangerVkey,
  vkey,
  witnessVkey,
  type Place,
} from './given.ts'

const entries = givenEntries({}, {}, {})
const receipt = givenReceipt(entries, 1)
let place: Place

beforeAll(() => {
  place = givenPlace()
  place.write('receipt.tlog-proof', receipt)
  place.write('pending.tlog-proof', givenReceipt(entries, 1, false))
  place.write('payload.json', JSON.stringify(disclosure))
})
afterAll(() => {
  place.remove()
})

describe('the exit code says what a receipt is worth', () => {
  test('0: the signed log holds the entry, which is shown', async () => {
    const { exitCode, stdout } = await place.mumega('verify', 'receipt.tlog-proof', '--vkey', vkey)

    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      `VALID: The signed log holds this entry.
  action   message.accepted (fact)
  target   message:1
  actor    agent:kasra (agent)
  time     2026-11-21T08:00:00.000Z
  chain    acme
  seq      2
  id       bridge 0193a0b0-1111-7000-8000-000000000001
  trace    4bf92f3577b34da6a3ce929d0e0e4736
  log      ledger.example.com/main, index 1 of 3 entries
  key      ${vkey}, from the command line
`,
    )
  })

  test('0: a disclosed payload is the one that the entry commits to', async () => {
    const { exitCode, stdout } = await place.mumega(
      ...['verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'payload.json'],
    )

    expect(exitCode).toBe(0)
    expect(stdout).toContain('payload  is the one that the entry commits to')
  })

  test('2: no checkpoint covers the entry yet, and nothing is claimed to be proved', async () => {
    const { exitCode, stdout } = await place.mumega('verify', 'pending.tlog-proof', '--vkey', vkey)

    expect(exitCode).toBe(2)
    expect(stdout).toMatch(/^NOT YET ANCHORED: .*\nThe file says, and nothing proves:\n/)
  })

  test('3: another key, another place or another payload', async () => {
    place.write('moved.tlog-proof', receipt.replace('index 1', 'index 0'))
    place.write('other.json', JSON.stringify({ ...disclosure, payload: { text: 'bye' } }))

    const endings = await Promise.all([
      place.mumega('verify', 'receipt.tlog-proof', '--vkey', strangerVkey),
      place.mumega('verify', 'moved.tlog-proof', '--vkey', vkey),
      place.mumega('verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'other.json'),
    ])

    for (const { exitCode, stdout } of endings) {
      expect(exitCode).toBe(3)
      expect(stdout).toMatch(/^DIVERGED: .*\nThe file says, and nothing proves:\n/)
    }
  })

  test('4: the payload was erased, and the same log says who did it', async () => {
    const target = redactionTarget({
      source: 'bridge',
      id: '0193a0b0-1111-7000-8000-000000000001',
    })
    const redaction = { source: 'audit-ledger', action: 'payload.redacted', target }
    const erasure = givenEntries({}, {}, {}, redaction)
    const redacted = { redacted: true, receipt: givenReceipt(erasure, 3) }
    place.write('redacted.json', JSON.stringify(redacted))

    const { exitCode, stdout } = await place.mumega(
      ...['verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'redacted.json'],
    )

    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^VALID, PAYLOAD REDACTED: /)
    expect(stdout).toContain('erased   2026-11-21T08:00:00.000Z by agent:kasra, entry 4')
  })

  test('5: it is not a receipt, or not a disclosure', async () => {
    place.write('not-text.tlog-proof', Buffer.concat([Buffer.from(receipt), Buffer.of(0xff)]))
    place.write('half.tlog-proof', receipt.slice(0, receipt.length / 2))

    const endings = await Promise.all([
      place.mumega('verify', 'payload.json', '--vkey', vkey),
      place.mumega('verify', 'not-text.tlog-proof', '--vkey', vkey),
      place.mumega('verify', 'half.tlog-proof', '--vkey', vkey),
      place.mumega(
        ...['verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'receipt.tlog-proof'],
      ),
    ])

    for (const { exitCode, stdout } of endings) {
      expect(exitCode).toBe(5)
      expect(stdout).toMatch(/^MALFORMED: /)
    }
    expect(endings[1]?.stdout).toContain('The file is not UTF-8.')
  })
})

test('5: a receipt or disclosure that is longer than any is malformed, as the page says', async () => {
  const long = Buffer.alloc(1_048_577, receipt)
  place.write('long.tlog-proof', long)

  const endings = await Promise.all([
    place.mumega('verify', 'long.tlog-proof', '--vkey', vkey),
    place.mumega(
      ...['verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'long.tlog-proof'],
    ),
  ])

  const { reason, status } = verifyReceiptFiles({ receipt: long, vkey })
  expect(status).toBe('malformed')
  for (const { exitCode, stdout } of endings) {
    expect(exitCode).toBe(5)
    expect(stdout).toContain(`MALFORMED: ${reason}\n`)
  }
})

test('a disclosure that says another thing before the committed one is malformed', async () => {
  const twice = JSON.stringify(disclosure).replace('{', '{"payload":{"text":"bye"},')
  place.write('twice.json', twice)

  const { exitCode, stdout } = await place.mumega(
    ...['verify', 'receipt.tlog-proof', '--vkey', vkey, '--payload', 'twice.json'],
  )

  expect(exitCode).toBe(5)
  expect(stdout).toContain('the key "payload" stands there twice.\n')
})

test('without a key on the command line, that of the data folder is used and named', async () => {
  const without = await place.mumega('verify', 'receipt.tlog-proof')
  place.write('log.vkey', `${vkey}\n`)
  const local = await place.mumega('verify', 'receipt.tlog-proof')
  const named = await place.mumega('verify', 'receipt.tlog-proof', '--vkey', 'log.vkey')

  expect(without).toMatchObject({ exitCode: 64, stdout: '' })
  expect(without.stderr).toMatch(/^There is no key to verify with: .*--vkey.*\n$/)
  expect(local).toMatchObject({ exitCode: 0, stderr: '' })
  expect(local.stdout).toContain(`key      ${vkey}, from ${place.folder}/log.vkey`)
  expect(named.stdout).toContain(`key      ${vkey}, from log.vkey`)
})

test('--json prints the verdict for programs', async () => {
  const { stdout } = await place.mumega('verify', 'receipt.tlog-proof', '--vkey', vkey, '--json')

  expect(JSON.parse(stdout)).toMatchObject({
    status: 'valid',
    index: 1,
    entry: { chain: 'acme', seq: 2 },
    checkpoint: { origin: 'ledger.example.com/main', size: 3 },
    vkey,
    vkeyFrom: 'the command line',
  })
})

test('an entry cannot write to the terminal of whoever verifies it', async () => {
  const hostile = givenEntries({ action: 'x\u001b[2J\u202e\nVALID: really', target: 'a\u0000' })
  place.write('hostile.tlog-proof', givenReceipt(hostile, 0))

  const { stdout } = await place.mumega('verify', 'hostile.tlog-proof', '--vkey', vkey)

  expect(stdout).toContain('action   x\\u{1b}[2J\\u{202e}\\u{a}VALID: really (fact)\n')
  expect(stdout).toContain('target   a\\u{0}\n')
})

test('nor by --json, which is read by programs as it was', async () => {
  const action = 'x\u009b2J\u202e\u{e0041}é\ud83d\ude00'
  place.write('hostile.tlog-proof', givenReceipt(givenEntries({ action }), 0))

  const args = ['verify', 'hostile.tlog-proof', '--vkey', vkey, '--json']
  const { stdout } = await place.mumega(...args)

  expect(stdout).toContain('"x\\u009b2J\\u202e\\udb40\\udc41é\ud83d\ude00"')
  expect(JSON.parse(stdout)).toMatchObject({ entry: { action } })
})

test('a file that is named like a help option is no receipt that is valid', async () => {
  const own = givenPlace()
  own.write('-h', receipt)

  const { exitCode, stdout } = await own.mumega('verify', '-h')
  own.remove()

  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' })
})

test.each([
  [[], 64, /^mumega looks at/],
  [['nonsense'], 64, /^There is no command "nonsense"\. .*--help.*\n$/],
  [['verify'], 64, /^Name the receipt file\. /],
  [['verify', 'a', 'b'], 64, /^Only the receipt file is expected, not also b\. /],
  [['verify', 'a', '--nonsense'], 64, /^Unknown option '--nonsense'\. /],
  [['verify', 'a', '--vkey', 'nonsense'], 64, /^--vkey is neither a verifier key/],
  [['verify', 'a', '--vkey', 'payload.json'], 64, /^payload\.json does not hold the verifier key/],
  [['verify', 'a', '--vkey', witnessVkey], 64, /^--vkey is neither a verifier key/],
  [['verify', 'absent', '--vkey', vkey], 66, /^Cannot read absent: /],
  [['verify', '.', '--vkey', vkey], 66, /^Cannot read \.: it is a folder/],
  [['verify', '/dev/zero', '--vkey', vkey], 66, /^Cannot read \/dev\/zero: it has more than/],
  [['verify', '--vkey', vkey, '--', '-h'], 66, /^Cannot read -h: /],
  [['verify', '--', '--help'], 66, /^Cannot read --help: /],
  [['verify', '-h'], 64, /^mumega verify <receipt/],
  [['audit', '--help'], 64, /^mumega audit <export/],
  [['verify', 'a', '--vkey', vkey, '--vkey', vkey], 64, /^--vkey is given more than once\. /],
  [['audit', 'a', '--json', '--json'], 64, /^--json is given more than once\. /],
  [['verify', '-h', '--vkey', vkey], 64, /^Unknown option '-h'\. /],
  [['verify', 'a', '--payload', '-h'], 64, /^Option '--payload/],
  [['trace', 'ABC'], 64, /^A trace id is 32 lower-case hex digits\. /],
  [['status', 'x'], 64, /^`mumega status` takes no argument\. /],
])(
  'a wrong command line ends with a line that says what is wrong: %j',
  async (args, code, line) => {
    const { exitCode, stdout, stderr } = await place.mumega(...args)

    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' })
    expect(stderr).toMatch(line)
  },
)

test('a setting that cannot work is named like any wrong usage, whatever the command', async () => {
  const wrong = { MUMEGA_PIPE_SILENCE_MS: 'soon' }
  const { exitCode, stdout, stderr } = await place.mumegaWith(wrong, ['verify', 'a'])

  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' })
  expect(stderr).toMatch(/^[^\n]*MUMEGA_PIPE_SILENCE_MS [^\n]+\n$/)
})

test('a reader that has gone is no failure, and output that cannot be written is one', async () => {
  const gone = await place.shell('(mumega help; echo $? >code) | true; cat code')
  expect(gone).toEqual({ exitCode: 0, stdout: '0\n', stderr: '' })

  const full = await place.shell('mumega help >/dev/full')
  expect(full).toMatchObject({ exitCode: 74, stdout: '' })
  expect(full.stderr).toMatch(/^The output cannot be written: [^\n]+\n$/)
})

test('a token in the wrong place is not shown', async () => {
  const { exitCode, stderr } = await place.mumega(`mmg_operator_${'a'.repeat(43)}`)

  expect({ exitCode, stderr }).toEqual({
    exitCode: 64,
    stderr: expect.stringMatching(/^There is no command "mmg_…"\. /),
  })
})

test('the command in the README runs as it stands there', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, line] = /```sh\nnpx mumega (.*)\n```/.exec(readme) ?? []
  place.write('log.vkey', `${vkey}\n`)

  const { exitCode, stdout } = await place.mumega(...(line ?? '').split(' '))

  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^VALID: /)
})

test.each([[['help']], [['--help']], [['-h']], [['help', 'verify']]])(
  'help names every command: %j',
  async (args) => {
    const { exitCode, stdout } = await place.mumega(...args)

    expect(exitCode).toBe(0)
    for (const command of ['verify', 'trace', 'status'])
      expect(stdout).toContain(`mumega ${command} `)
  },
)
