import { open } from 'node:fs/promises'

/** Without it a new name may be lost with the power, though the file's bytes are not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
