import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'
import { syncFolder } from '../sync-folder.ts'

/**
 * The newest signed checkpoint outside the database, so that a database that was set back is
 * noticed.
 */
export interface CheckpointCopy {
  /** Undefined while there is none. */
  read(): Promise<string | undefined>
  /** Replaces it at once, on disk when it resolves. */
  write(note: string): Promise<void>
}

export function checkpointCopyAt(path: string): CheckpointCopy {
  return {
    async read() {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    },
    async write(note) {
      // Another ledger on this machine may be writing its own.
      const draft = `${path}.${process.pid}-${threadId}.draft`
      await writeToDisk(draft, note)
      await rename(draft, path)
      await syncFolder(dirname(path))
    },
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT'
}

async function writeToDisk(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o644)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
}
