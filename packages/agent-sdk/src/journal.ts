import { open, readFile, rename, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '@mumega/errors'

/** Remembers which messages have been dealt with, also when the process is killed. */
export interface Journal {
  has(messageId: string): boolean
  /** Resolves when it will be remembered. */
  add(messageId: string): Promise<void>
  close(): Promise<void>
}

// A message comes again within minutes, until it is acknowledged.
const KEPT_MAX = 10_000
const LINE = /^[0-9a-f-]{36}$/

/** Of what one process has done; a crash forgets it. */
export function openMemory(): Journal {
  const done = new Set<string>()
  return {
    has: (messageId) => done.has(messageId),
    add(messageId) {
      keep(done, messageId)
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}

/**
 * A file of one message id a line, the newest 10,000 when it is opened. One process has it at a
 * time.
 *
 * @throws agent-sdk.journal-unusable
 */
export async function openJournal(path: string): Promise<Journal> {
  try {
    const done = new Set<string>()
    // A line that a crash cut off is one that was never remembered.
    for (const line of await linesOf(path)) if (LINE.test(line)) keep(done, line)
    const file = await rewritten(path, done)
    return {
      has: (messageId) => done.has(messageId),
      async add(messageId) {
        await file.appendFile(`${messageId}\n`)
        await file.datasync()
        keep(done, messageId)
      },
      close: () => file.close(),
    }
  } catch (cause) {
    throw new AppError(
      'agent-sdk.journal-unusable',
      'unavailable',
      `The journal ${path} cannot be read and written. Name another file.`,
      { cause },
    )
  }
}

async function linesOf(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Written anew beside the old one, so that a crash leaves one of the two. */
async function rewritten(path: string, done: ReadonlySet<string>): Promise<FileHandle> {
  const next = `${path}.next`
  const file = await open(next, 'w', 0o600)
  await file.writeFile([...done].map((messageId) => `${messageId}\n`).join(''))
  await file.sync()
  await rename(next, path)
  // The name, too, must outlive a power cut; else what is added from here on has none.
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
  return file
}

function keep(done: Set<string>, messageId: string): void {
  done.add(messageId)
  for (const oldest of done) {
    if (done.size <= KEPT_MAX) return
    done.delete(oldest)
  }
}
