import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryLock } from '@mumega/local/file-lock'
import { stopLeftNats } from '@mumega/local/nats'
import { stopLeftPostgres } from '@mumega/local/postgres'

const PREFIX = 'mumega-test-'
const LOCK = 'run.lock'

/** A temporary folder for everything that this run of the tests starts. */
export function makeRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), PREFIX))
  // As root PostgreSQL runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  tryLock(join(folder, LOCK))
  return folder
}

/** Stops whatever still runs in a run's folder and removes it. */
export async function clearRunFolder(folder: string): Promise<void> {
  const names = existsSync(folder) ? readdirSync(folder) : []
  for (const name of names.filter((entry) => entry.startsWith('nats-'))) {
    await stopLeftNats(join(folder, name))
  }
  await stopLeftPostgres(join(folder, 'postgres'))
  for (const name of names.filter((entry) => entry.startsWith('postgres-'))) {
    await stopLeftPostgres(join(folder, name, 'data'))
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Clears the folders of runs that were killed before they could. */
export async function clearDeadRuns(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name)
    // Only a folder with the lock of a dead run: one without is being made, or is somebody else's.
    if (!existsSync(join(folder, LOCK))) continue
    if ('release' in tryLock(join(folder, LOCK))) await clearRunFolder(folder)
  }
}
