import { expect, test } from '@jest/globals'
import { serviceEnvironment } from './service-environment.ts'
import { loadSettings } from './settings.ts'

const surroundings = {
  settings: loadSettings({}),
  secrets: {
    postgresPassword: 'admin-password',
    natsAdminSeed: 'admin-seed',
    services: {
      'audit-ledger': { databasePassword: 'ledger-password', natsSeed: 'ledger-seed' },
      bridge: { databasePassword: 'bridge-password', natsSeed: 'bridge-seed' },
      objectives: { databasePassword: 'objectives-password', natsSeed: 'objectives-seed' },
      gate: { databasePassword: 'gate-password', natsSeed: 'gate-seed' },
      gateway: { databasePassword: 'gateway-password', natsSeed: 'gateway-seed' },
    },
  },
  adminUrl: 'postgres://postgres:admin-password@127.0.0.1:5432/postgres',
  natsUrl: 'nats://127.0.0.1:4222',
  otlpEndpoint: 'http://127.0.0.1:4318',
  timeOriginMs: 0,
  ledgerKeyFile: '/data/ledger.key',
  principalsFile: '/data/principals.json',
  gatewayPort: 8420,
}
const everything = {
  HOME: '/root',
  AWS_SECRET_ACCESS_KEY: 'stranger',
  MUMEGA_NATS_ADMIN_SEED: 'admin-seed',
  MUMEGA_RATE_LIMIT_PER_MINUTE: '5',
  BRIDGE_INBOX_UNREAD_MAX: '7',
}

test.each(['audit-ledger', 'bridge', 'objectives', 'gate', 'gateway'])(
  '%s sees its own secrets and nobody else’s',
  (service) => {
    const text = JSON.stringify(serviceEnvironment(service, surroundings, everything))

    const mine = service === 'audit-ledger' ? 'ledger' : service
    expect(text).toContain(`${mine}-seed`)
    expect(text).toContain(`${mine}-password`)
    const others = ['ledger', 'bridge', 'objectives', 'gate', 'gateway', 'admin'].filter(
      (name) => name !== mine,
    )
    for (const other of others) expect(text).not.toMatch(new RegExp(`${other}-(seed|password)`))
    expect(text).not.toContain('stranger')
  },
)

test('a setting of one service reaches that one only', () => {
  const bridge = serviceEnvironment('bridge', surroundings, everything)
  const gateway = serviceEnvironment('gateway', surroundings, everything)

  expect(bridge['BRIDGE_INBOX_UNREAD_MAX']).toBe('7')
  expect(bridge).not.toHaveProperty('MUMEGA_RATE_LIMIT_PER_MINUTE')
  expect(gateway['MUMEGA_RATE_LIMIT_PER_MINUTE']).toBe('5')
  expect(gateway['MUMEGA_PORT']).toBe('8420')
})
