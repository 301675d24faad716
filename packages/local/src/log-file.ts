import { closeSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCodeOf } from './system-error.ts'

export interface LogFile {
  readonly write: (line: string) => void
  readonly close: () => void
}

const FILE_BYTES_MAX = 10 * 1_048_576
const FILES_KEPT = 3

export interface LogFileOptions {
  fileBytesMax?: number
}

/**
 * Opens a log that takes a bounded place on the disk: past 10 MiB the file becomes `<path>.1`, the
 * one before `<path>.2`, and the oldest of three is removed.
 */
export function openLogFile(
  path: string,
  { fileBytesMax = FILE_BYTES_MAX }: LogFileOptions = {},
): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let file = openSync(path, 'a', 0o600)
  let bytes = fstatSync(file).size
  let isOpen = true
  return {
    write(line) {
      if (!isOpen) return
      const text = `${line}\n`
      if (bytes + text.length > fileBytesMax && bytes > 0) {
        closeSync(file)
        rotate(path)
        file = openSync(path, 'a', 0o600)
        bytes = 0
      }
      bytes += writeSync(file, text)
    },
    close() {
      if (isOpen) closeSync(file)
      isOpen = false
    },
  }
}

function rotate(path: string): void {
  rmSync(`${path}.${FILES_KEPT - 1}`, { force: true })
  for (let number = FILES_KEPT - 2; number >= 1; number -= 1) moveIfThere(path, number)
  renameSync(path, `${path}.1`)
}

function moveIfThere(path: string, number: number): void {
  try {
    renameSync(`${path}.${number}`, `${path}.${number + 1}`)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
}
