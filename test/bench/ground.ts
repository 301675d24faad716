import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNatsServer } from '@mumega/local/nats-binary'
import { startPostgres } from '@mumega/local/postgres'
import { publish } from '@mumega/testkit/config'

export interface Ground {
  /** Of the cluster, as its administrator. */
  readonly adminUrl: string
  /** On the disk that PostgreSQL and NATS write to; removed by `stop()`. */
  readonly folder: string
  stop(): Promise<void>
}

/**
 * A PostgreSQL of the bench's own with the settings of `npm start`, durable unlike the tests' one.
 * After it the test kit's `startTestSuite` and its like work as they do in a test.
 */
export async function startGround(log: (line: string) => void): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'mumega-bench-'))
  // As root the server runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const nats = await findNatsServer({ log })
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), password: 'bench' })
  publish('TEST_FOLDER', folder)
  publish('TEST_NATS_SERVER', nats.path)
  publish('TEST_POSTGRES_URL', postgres.adminUrl)
  return {
    adminUrl: postgres.adminUrl,
    folder,
    async stop() {
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
