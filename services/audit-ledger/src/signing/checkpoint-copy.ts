import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'
import { syncFolder } from '../sync-folder.ts'
import type { StoredCheckpoint } from './checkpoint-repository.ts'
import type { LogKey } from './log-key.ts'

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

/**
 * Brings a copy to the newest checkpoint, and never back: a ledger that stood still may find one of
 * the ledger that leads now.
 *
 * @throws CopyFailed
 */
export async function copyForward(
  copy: CheckpointCopy,
  key: LogKey,
  { note, size }: Pick<StoredCheckpoint, 'note' | 'size'>,
): Promise<void> {
  const kept = await copy.read()
  const isBehind = kept === undefined || (key.open(kept)?.size ?? 0) < size
  if (isBehind) await copy.write(note)
}

/** It cannot be read or written; the database is not to blame. */
export class CopyFailed extends Error {
  constructor(reason: string) {
    super(`the copy of the checkpoint cannot be kept: ${reason}`)
    this.name = 'CopyFailed'
  }
}

export function checkpointCopyAt(path: string): CheckpointCopy {
  return {
    async read() {
      try {
        return await readFile(path, 'utf8')
      } catch (error) {
        if (isMissing(error)) return undefined
        throw new CopyFailed(String(error))
      }
    },
    async write(note) {
      // Another ledger on this machine may be writing its own.
      const draft = `${path}.${process.pid}-${threadId}.draft`
      try {
        await writeToDisk(draft, note)
        await rename(draft, path)
        await syncFolder(dirname(path))
      } catch (error) {
        throw new CopyFailed(String(error))
      }
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
