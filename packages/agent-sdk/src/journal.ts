import { open, readFile, rename, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError, isAppError } from '@mumega/errors'
import { lockJournal } from './journal-lock.ts'

/** Remembers which messages have been dealt with, also when the process is killed. */
export interface Journal {
  has(messageId: string): boolean
  /** Resolves when it will be remembered. */
  add(messageId: string): Promise<void>
  close(): Promise<void>
}

/** Whose journal it is: what one has done, another has not. */
export interface JournalOwner {
  tenantId: string
  agent: string
  body: string
}

// A message comes again within minutes, until it is acknowledged.
const KEPT_MAX = 10_000
const OWNER = 'journal of '
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
 * A file that says whose it is, then one message id a line: the newest 10,000 when it is opened.
 * One process has it at a time. A file of before it said so becomes the owner's.
 *
 * @throws agent-sdk.journal-unusable, .journal-in-use, .journal-of-another
 */
export async function openJournal(path: string, owner: JournalOwner): Promise<Journal> {
  try {
    const unlock = await lockJournal(path)
    try {
      const { done, file } = await openLocked(path, owner)
      return {
        has: (messageId) => done.has(messageId),
        async add(messageId) {
          // The line break comes first: a line that a full disk cut off takes no other along.
          await file.appendFile(`\n${messageId}`)
          await file.datasync()
          keep(done, messageId)
        },
        close: () => file.close().finally(unlock),
      }
    } catch (error) {
      await unlock()
      throw error
    }
  } catch (cause) {
    if (isAppError(cause)) throw cause
    throw new AppError(
      'agent-sdk.journal-unusable',
      'unavailable',
      `The journal ${path} cannot be read and written. Name another file.`,
      { cause },
    )
  }
}

async function openLocked(path: string, { tenantId, agent, body }: JournalOwner) {
  const lines = await linesOf(path)
  const owner = `${OWNER}${tenantId}/${agent}/${body}`
  const first = lines[0] ?? ''
  if (first.startsWith(OWNER) && first !== owner) {
    throw new AppError(
      'agent-sdk.journal-of-another',
      'conflict',
      `${path} is the ${first}, not the ${owner}. Name another file.`,
    )
  }
  const done = new Set<string>()
  // A line that a crash cut off is one that was never remembered.
  for (const line of lines) if (LINE.test(line)) keep(done, line)
  return { done, file: await rewritten(path, [owner, ...done].join('\n')) }
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
async function rewritten(path: string, text: string): Promise<FileHandle> {
  const next = `${path}.next`
  await writeFile(next, text, { mode: 0o600, flush: true })
  await rename(next, path)
  // The name, too, must outlive a power cut; else what is added from here on has none.
  const folder = await open(dirname(path), 'r')
  await folder.sync().finally(() => folder.close())
  return open(path, 'a')
}

function keep(done: Set<string>, messageId: string): void {
  done.add(messageId)
  for (const oldest of done) {
    if (done.size <= KEPT_MAX) return
    done.delete(oldest)
  }
}
