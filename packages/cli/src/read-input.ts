import { FILE_BYTES_MAX } from '@mumega/tlog/receipt-file'
import type { Config } from './config.ts'
import { openInput, unreadable } from './open-input.ts'

/**
 * The bytes of a file that the user named.
 *
 * @throws CommandError of exit code 66 when it cannot be read or is larger than `FILE_BYTES_MAX`
 */
export async function readInput(path: string, config: Config): Promise<Buffer> {
  const { bytes } = await readBounded(path, config)
  if (bytes.length > FILE_BYTES_MAX) throw tooLarge(path)
  return bytes
}

/**
 * The bytes of a file that is to be judged. Of a file that is larger than `FILE_BYTES_MAX` one byte
 * more: that it is too large is for the judgement to say.
 *
 * @throws CommandError of exit code 66 when it cannot be read, or is a device or a pipe without end
 */
export async function readJudged(path: string, config: Config): Promise<Buffer> {
  const { bytes, isFile } = await readBounded(path, config)
  if (bytes.length > FILE_BYTES_MAX && !isFile) throw tooLarge(path)
  return bytes
}

/**
 * The bytes of a file that holds a secret: it is its owner’s alone, as ssh has it.
 *
 * @throws CommandError of exit code 66 where it is open to others, else as `readInput`
 */
export async function readSecret(path: string, config: Config): Promise<Buffer> {
  const { bytes, isOpenToOthers } = await readBounded(path, config)
  if (isOpenToOthers) {
    throw unreadable(path, new Error(`it is open to others. Run \`chmod 600 ${path}\``))
  }
  if (bytes.length > FILE_BYTES_MAX) throw tooLarge(path)
  return bytes
}

function tooLarge(path: string) {
  return unreadable(path, new Error(`it has more than ${FILE_BYTES_MAX} bytes`))
}

// A device or a pipe has no size to trust, hence the bound on what is read and not on the size.
async function readBounded(path: string, config: Config) {
  const { chunks, ...kind } = openInput(path, config)
  const read: Buffer[] = []
  let length = 0
  for await (const chunk of chunks) {
    read.push(chunk)
    length += chunk.length
    if (length > FILE_BYTES_MAX) break
  }
  return { ...kind, bytes: Buffer.concat(read).subarray(0, FILE_BYTES_MAX + 1) }
}
