import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNatsServer } from '@mumega/local/nats-binary'
import { startPostgres } from '@mumega/local/postgres'
import { providedPostgresUrl, publish } from './config.ts'
import { rememberRun } from './run-resources.ts'

/** Starts, once for the whole run of Jest, the PostgreSQL cluster that every test makes its databases in. */
export default async function setUp(): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`)
  const nats = await findNatsServer({ log })
  publish('TEST_NATS_SERVER', nats.path)

  const provided = providedPostgresUrl()
  if (provided !== undefined) {
    publish('TEST_POSTGRES_URL', provided)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'mumega-test-'))
  // As root the server runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    password: 'test',
    unsafeFast: true,
    settings: { max_connections: '400' },
  })
  publish('TEST_POSTGRES_URL', postgres.adminUrl)
  rememberRun({ folder, postgres })
}
