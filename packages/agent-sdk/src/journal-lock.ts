import { readFileSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '@mumega/errors'

/**
 * Keeps every other process of this machine from the journal until the returned function is called
 * or this process is gone, however it ends. Each process announces itself by a file whose name says
 * who it is, and only then looks for others: of two at once neither can overlook the other, and
 * what a killed one left keeps nobody out.
 *
 * @throws agent-sdk.journal-in-use, and what the file system says
 */
export async function lockJournal(path: string): Promise<() => Promise<void>> {
  const folder = dirname(path)
  const prefix = `${basename(path)}.lock.`
  const own = `${prefix}${process.pid}.${startOf(process.pid)}`
  await announce(path, join(folder, own))
  const unlock = () => rm(join(folder, own), { force: true })
  try {
    for (const name of await readdir(folder)) {
      if (!name.startsWith(prefix) || name === own) continue
      const [pid = '', start = ''] = name.slice(prefix.length).split('.')
      if (isAlive(Number(pid), start)) throw inUse(path, `process ${pid}`)
      await rm(join(folder, name), { force: true })
    }
  } catch (error) {
    await unlock()
    throw error
  }
  return unlock
}

async function announce(path: string, own: string): Promise<void> {
  try {
    await writeFile(own, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(path, 'this process')
    throw error
  }
}

function inUse(path: string, by: string): AppError {
  return new AppError(
    'agent-sdk.journal-in-use',
    'conflict',
    `The journal ${path} is in use by ${by}. End it, or name another file.`,
  )
}

/** Whether the process still runs that had this number and started then. */
function isAlive(pid: number, start: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const startNow = startOf(pid)
  return startNow === '' || start === '' || startNow === start
}

/**
 * Tells a process from a later one with the same number, in ticks since the machine's start; empty
 * where the system does not say (only Linux does), and no number for one that has ended already.
 */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Fields 3 and 22 of proc(5). The name before them may itself contain any character.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '')
  } catch {
    return ''
  }
}
