import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { FILE_BYTES_MAX } from '@mumega/tlog/receipt-file'
import { CommandError, EXIT_NO_INPUT } from './command-error.ts'

/**
 * The bytes of a file that the user named.
 *
 * @throws CommandError of exit code 66 when it cannot be read or is larger than `FILE_BYTES_MAX`
 */
export function readInput(path: string): Buffer {
  return read(path, (bytes) => {
    if (bytes.length > FILE_BYTES_MAX) throw new Error(TOO_LARGE)
  })
}

/**
 * The bytes of a file that is to be judged. Of a file that is larger than `FILE_BYTES_MAX` one byte
 * more: that it is too large is for the judgement to say.
 *
 * @throws CommandError of exit code 66 when it cannot be read, or is a device or a pipe without end
 */
export function readJudged(path: string): Buffer {
  return read(path, (bytes, isFile) => {
    if (bytes.length > FILE_BYTES_MAX && !isFile) throw new Error(TOO_LARGE)
  })
}

const TOO_LARGE = `it has more than ${FILE_BYTES_MAX} bytes`

function read(path: string, check: (bytes: Buffer, isFile: boolean) => void): Buffer {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    // A device or a pipe has no size to trust, hence the bound on what is read and not on the size.
    const stat = fstatSync(file)
    if (stat.isDirectory()) throw new Error('it is a folder')
    const bytes = readBounded(file)
    check(bytes, stat.isFile())
    return bytes
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(EXIT_NO_INPUT, `Cannot read ${path}: ${why}.`, { cause })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function readBounded(file: number): Buffer {
  const buffer = Buffer.alloc(FILE_BYTES_MAX + 1)
  let length = 0
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, null)
    if (read === 0) break
    length += read
  }
  return buffer.subarray(0, length)
}
