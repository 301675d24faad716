import { expect, test } from '@jest/globals'
import { loadConfig } from '../config.ts'
import { openKafka } from './client.ts'

const GIVEN = { DATABASE_URL: 'postgres://x', NATS_URL: 'nats://x', KAFKA_BROKERS: 'one:9092' }

test.each([
  ['/nowhere/ca.pem', 'ENOENT'],
  ['/', 'EISDIR'],
])('a file of certificates that cannot be read is refused by its setting: %s', (file, why) => {
  const config = loadConfig({ ...GIVEN, KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: file })

  const open = () => openKafka(config)

  expect(open).toThrow(expect.objectContaining({ code: 'config.invalid' }))
  expect(open).toThrow(`KAFKA_TLS_CA_FILE names a file that cannot be read (${why}). Name one`)
})
