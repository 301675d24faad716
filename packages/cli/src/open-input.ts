import { closeSync, constants, createReadStream, fstatSync, openSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { isatty, ReadStream } from 'node:tty'
import { CommandError, EXIT_NO_INPUT } from './command-error.ts'
import type { Config } from './config.ts'

/** What the user named, to be read once. */
export interface Input {
  /** Whether it has an end for certain; a device or a pipe need not. */
  readonly isFile: boolean
  /** Whether it is a file that others than its owner may read or write. */
  readonly isOpenToOthers: boolean
  /** Closed when the reader has had enough. Throws CommandError of exit code 66. */
  readonly chunks: AsyncIterable<Buffer>
}

const OTHERS_ACCESS = 0o077
const STDIN = 0

const REMEDY = 'Write what it should give into a file, and name that'

/**
 * Opens what the user named: a file, a device, a terminal or a pipe, as that of `<(…)` or of
 * /dev/stdin, or the standard input by `-`, which may also be a socket: programs in Node give one.
 * Only a terminal is waited for without end: somebody types there.
 *
 * @throws CommandError of exit code 66 when it cannot be read
 */
export function openInput(path: string, config: Config): Input {
  try {
    // A pipe that nobody writes into cannot be opened otherwise, and this program not be ended: the
    // open would hold a thread that Node waits for.
    const file = path === '-' ? STDIN : openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(file)
    if (stat.isDirectory()) {
      closeSync(file)
      throw new Error('it is a folder')
    }
    const isPipe = stat.isFIFO() || stat.isSocket()
    const stream = isPipe ? openPipe(file, config) : openOther(path, file)
    const isFile = stat.isFile()
    const isOpenToOthers = isFile && (stat.mode & OTHERS_ACCESS) !== 0
    return { isFile, isOpenToOthers, chunks: chunksOf(path, stream) }
  } catch (cause) {
    throw unreadable(path, isSocket(path, cause) ? new Error(`it is a socket. ${REMEDY}`) : cause)
  }
}

/** The user's file cannot be read, and this is why. */
export function unreadable(path: string, cause: unknown): CommandError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new CommandError(EXIT_NO_INPUT, `Cannot read ${path}: ${why}.`, { cause })
}

// As a socket it is waited for outside the thread pool, and it ends when the last writer has closed
// it; read as a file, it has ended before the first one comes.
function openPipe(file: number, { MUMEGA_PIPE_SILENCE_MS: silenceMs }: Config): Socket {
  const pipe = new Socket({ fd: file, readable: true, writable: false })
  return pipe.setTimeout(silenceMs, () => {
    const why = `nothing was written into it for ${silenceMs / 1_000} s`
    pipe.destroy(new Error(`${why}. ${REMEDY}, or set MUMEGA_PIPE_SILENCE_MS to more than that`))
  })
}

function openOther(path: string, file: number): NodeJS.ReadableStream {
  return isatty(file) ? new ReadStream(file) : createReadStream(path, { fd: file })
}

/** Whether that is why it could not be opened. */
function isSocket(path: string, cause: unknown): boolean {
  const isOfNoKind = cause instanceof Error && 'code' in cause && cause.code === 'ENXIO'
  return isOfNoKind && statSync(path, { throwIfNoEntry: false })?.isSocket() === true
}

async function* chunksOf(path: string, stream: NodeJS.ReadableStream): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      // Without an encoding each chunk is bytes.
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}
