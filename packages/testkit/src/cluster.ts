import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '@mumega/local/postgres'
import { postgresUrl, publish, runFolder } from './config.ts'

/** For a test that does to the server what every other test would feel. */
export interface TestCluster {
  readonly pid: number
  stop(): Promise<void>
}

/** A PostgreSQL of this test file's own: its databases are made there until it is stopped. */
export async function startTestCluster(): Promise<TestCluster> {
  const folder = mkdtempSync(join(runFolder(), 'postgres-'))
  // As root the server runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const shared = postgresUrl()
  const postgres = await startPostgres({
    dataDir: join(folder, 'data'),
    password: 'test',
    unsafeFast: true,
  })
  publish('TEST_POSTGRES_URL', postgres.adminUrl)
  return {
    pid: postgres.pid,
    async stop() {
      publish('TEST_POSTGRES_URL', shared)
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
