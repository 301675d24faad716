import { isUtf8 } from 'node:buffer'
import type { Config } from './config.ts'
import { openInput } from './open-input.ts'

/** Bytes of one line at most; a longer one is nothing that the ledger writes. */
const LINE_BYTES_MAX = 1_048_576
const NEWLINE = 0x0a

export type LineFault = 'not-utf8' | 'too-long'

/**
 * Gives each line of a file to `take`, without its newline, until that answers false. One line is
 * in memory at a time. Answers whether the last line that was taken ended in a newline.
 *
 * @throws CommandError of exit code 66 when the file cannot be read
 */
export async function readLines(
  path: string,
  config: Config,
  take: (line: string) => boolean,
): Promise<{ isWhole: boolean; fault?: LineFault }> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of openInput(path, config).chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let begin = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
      const line = bytes.subarray(begin, end)
      begin = end + 1
      if (line.length > LINE_BYTES_MAX) return { isWhole: false, fault: 'too-long' }
      if (!isUtf8(line)) return { isWhole: false, fault: 'not-utf8' }
      if (!take(line.toString())) return { isWhole: true }
    }
    rest = bytes.subarray(begin)
    if (rest.length > LINE_BYTES_MAX) return { isWhole: false, fault: 'too-long' }
  }
  return { isWhole: rest.length === 0 }
}
