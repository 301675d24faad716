import { join } from 'node:path'
import { findNatsServer } from '@mumega/local/nats-binary'
import { startPostgres } from '@mumega/local/postgres'
import { providedPostgresUrl, publish } from './config.ts'
import { clearDeadRuns, clearRunFolder, makeRunFolder } from './run-folder.ts'

/**
 * Starts, once for the whole run of Jest, the PostgreSQL cluster that every test makes its
 * databases in.
 */
export default async function setUp(): Promise<void> {
  await clearDeadRuns()
  const folder = makeRunFolder()
  publish('TEST_FOLDER', folder)
  clearWhenInterrupted(folder)

  const nats = await findNatsServer({ log: (line) => process.stderr.write(`${line}\n`) })
  publish('TEST_NATS_SERVER', nats.path)

  const provided = providedPostgresUrl()
  if (provided !== undefined) {
    publish('TEST_POSTGRES_URL', provided)
    return
  }
  const postgres = await startPostgres({
    dataDir: join(folder, 'postgres'),
    password: 'test',
    unsafeFast: true,
    settings: { max_connections: '400' },
  })
  publish('TEST_POSTGRES_URL', postgres.adminUrl)
}

/** Jest runs no tear-down when it is interrupted. */
function clearWhenInterrupted(folder: string): void {
  let isClearing = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The terminal and `npm test` may both send it: the second must not end the clearing.
    process.on(signal, () => {
      if (isClearing) return
      isClearing = true
      void clearRunFolder(folder).finally(() => process.exit(130))
    })
  }
}
