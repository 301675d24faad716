import { expect, test } from '@jest/globals'
import { formatCheckpoint } from '@mumega/tlog/checkpoint'
import { loadConfig } from './config.ts'

const GOOD = {
  DATABASE_URL: 'postgres://ledger@127.0.0.1/mumega',
  NATS_URL: 'nats://127.0.0.1:4222',
  NATS_NKEY_SEED: 'x',
  LEDGER_ORIGIN: 'localhost/test',
  LEDGER_KEY_FILE: '/run/key',
}

/** What a ledger that is started with these settings says; nothing when it starts. */
function complaint(settings: Record<string, string>): string | undefined {
  try {
    loadConfig({ ...GOOD, ...settings })
    return undefined
  } catch (error) {
    return String(error)
  }
}

function signs(origin: string): boolean {
  try {
    formatCheckpoint({ origin, size: 1, root: Buffer.alloc(32) })
    return true
  } catch {
    return false
  }
}

test.each(['a\u0001b', 'log\u007f', 'log\u0085x', 'a b', 'a+b', '\ud800', 'log.example', '漢/ü'])(
  'a log is named %j exactly when it can sign under that name',
  (origin) => {
    const said = complaint({ LEDGER_ORIGIN: origin })

    expect(said === undefined).toBe(signs(origin))
    if (said !== undefined) expect(said).toMatch(/LEDGER_ORIGIN must/)
  },
)

test.each([
  ['MUMEGA_TIME_SCALE', '1e300'],
  ['MUMEGA_TIME_SCALE', '1e-300'],
  ['MUMEGA_TIME_ORIGIN_MS', '1e18'],
  ['LEDGER_LEASE_MS', '2000.5'],
  ['LOG_LEVEL', 'loud'],
  ['DATABASE_URL', 'nonsense'],
  ['DATABASE_URL', 'http://127.0.0.1/mumega'],
  ['NATS_URL', 'http://x y'],
  ['NATS_URL', 'nats://127.0.0.1:4222,nats://x y'],
])('%s=%s is refused by its name', (name, value) => {
  expect(complaint({ [name]: value })).toMatch(new RegExp(`${name} must`))
})

test.each([
  ['DATABASE_URL', 'postgresql://u:p%40@[::1]:5432/mumega?sslmode=disable'],
  ['NATS_URL', 'nats://a:4222,tls://b:4222'],
  ['NATS_URL', '127.0.0.1:4222'],
  ['NATS_URL', 'nats.internal'],
  ['LOG_LEVEL', 'silent'],
  ['MUMEGA_TIME_SCALE', '0.5'],
])('%s=%s is taken', (name, value) => {
  expect(complaint({ [name]: value })).toBeUndefined()
})
