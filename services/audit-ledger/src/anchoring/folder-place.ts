import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../sync-folder.ts'
import {
  claimPlace,
  COPY_BYTES_MAX,
  LOG_FILE,
  PlaceFault,
  type AnchorPlace,
} from './anchor-place.ts'

export interface FolderOptions {
  readonly path: string
  /** Whether it is made when it is missing: not where somebody named it, as it may be a disk. */
  readonly mayBeMade: boolean
  readonly vkey: string
}

// Drafts are written here first: a copy has its name only when all its bytes are on the disk.
const DRAFTS = 'drafts'
const DRAFT_AGE_MS_MAX = 60_000

/** A folder of files that are created exclusively, read-only from the start, and never replaced. */
export function folderPlace({ path, mayBeMade, vkey }: FolderOptions): AnchorPlace {
  async function write(name: string, bytes: Buffer): Promise<void> {
    const target = join(path, name)
    const folder = dirname(target)
    if (folder !== path && (await makeFolder(folder))) await syncFolder(path)
    const draft = join(path, DRAFTS, randomUUID())
    try {
      await writeDraft(draft, bytes)
      // Fails where something stands, unlike a rename.
      await link(draft, target).catch(ignore('EEXIST'))
    } finally {
      await unlink(draft).catch(ignore('ENOENT'))
    }
    // Also of a copy that stood there: whoever made it may have been killed before this.
    await syncFolder(folder)
  }

  async function read(name: string): Promise<Buffer | undefined> {
    const found = await readBytes(join(path, name))
    // Where the whole folder is gone, not each of its files is missing.
    if (found === undefined && name !== LOG_FILE && (await read(LOG_FILE)) === undefined) {
      throw new PlaceFault('is gone, or is another folder now: is its disk mounted?')
    }
    return found
  }

  const place: AnchorPlace = {
    name: 'folder',
    width: 1,
    lookCopies: 100,
    lookMs: 1_000,
    backOffMsMax: 5_000,
    read: (name) => explained(() => read(name)),
    keep: (name, bytes) =>
      explained(async () => {
        await write(name, bytes)
        return read(name)
      }),
    async open(signal) {
      await explained(async () => {
        if (mayBeMade) await makeFolder(path)
        await makeFolder(join(path, DRAFTS))
        await removeOldDrafts(join(path, DRAFTS))
        await tryOut(join(path, DRAFTS))
      })
      await claimPlace(place, vkey, signal)
    },
    close: () => undefined,
  }
  return place
}

/** Does what a copy needs: what stands there already would hide that nothing can be written. */
async function tryOut(drafts: string): Promise<void> {
  const [draft, linked] = [join(drafts, randomUUID()), join(drafts, randomUUID())]
  try {
    await writeDraft(draft, Buffer.from('trial'))
    await link(draft, linked)
  } finally {
    await unlink(draft).catch(ignore('ENOENT'))
    await unlink(linked).catch(ignore('ENOENT'))
  }
}

async function writeDraft(draft: string, bytes: Buffer): Promise<void> {
  const file = await open(draft, 'wx', 0o444)
  try {
    // Whatever the umask takes away.
    await file.chmod(0o444)
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Of ledgers that were killed. Another one may be writing its own right now. */
async function removeOldDrafts(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const draft = join(drafts, name)
    try {
      const { mtimeMs } = await stat(draft)
      if (Date.now() - mtimeMs > DRAFT_AGE_MS_MAX) await unlink(draft)
    } catch (error) {
      // The other one was done with it.
      ignore('ENOENT')(error)
    }
  }
}

/** Whether it had to be made. */
async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return false
  }
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = Buffer.alloc(COPY_BYTES_MAX)
      const { bytesRead } = await file.read(bytes, 0, COPY_BYTES_MAX, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'has no room left: make room on its disk',
  EDQUOT: 'has no room left: raise the quota of this user',
  EROFS: 'is on a disk that is read-only now: look at the disk',
  EACCES: 'may not be written to by this user',
  EPERM: 'does not allow what is needed (hard links, mode 0444): take another file system',
  ENOENT: 'is missing: is its disk mounted? Make the folder, for this user',
  ENOTDIR: 'is not a folder, or holds a file where a folder is needed',
  EIO: 'cannot be read or written: look at the disk',
}

async function explained<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PlaceFault) throw error
    const code = codeOf(error)
    const reason = REASONS[code] ?? `cannot be used (${code}); see the log of the ledger`
    throw new PlaceFault(reason, { isFinal: true, cause: error })
  }
}

function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (codeOf(error) !== code) throw error
  }
}

function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}
