import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { CommandError, EXIT_NO_INPUT } from './command-error.ts'

/** Bytes of a receipt, key or disclosure at most: ten times what the ledger can write. */
const INPUT_BYTES_MAX = 1_048_576

/**
 * The bytes of a file that the user named.
 *
 * @throws CommandError of exit code 66 when it cannot be read or is larger than `INPUT_BYTES_MAX`
 */
export function readInput(path: string): Buffer {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    // A device or a pipe has no size to trust, hence the bound on what is read and not on the size.
    if (fstatSync(file).isDirectory()) throw new Error('it is a folder')
    return readBounded(file)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError(EXIT_NO_INPUT, `Cannot read ${path}: ${why}.`, { cause })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function readBounded(file: number): Buffer {
  const buffer = Buffer.alloc(INPUT_BYTES_MAX + 1)
  let length = 0
  while (length < buffer.length) {
    const read = readSync(file, buffer, length, buffer.length - length, null)
    if (read === 0) return buffer.subarray(0, length)
    length += read
  }
  throw new Error(`it has more than ${INPUT_BYTES_MAX} bytes`)
}
