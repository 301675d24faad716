import type { ChildProcess } from 'node:child_process'

const TAIL_CHARACTERS = 4_000

/**
 * Reads what a server says, line by line, so that its pipe never fills; keeps the end of it for
 * the message about a failed start.
 */
export function readOutput(child: ChildProcess, onLine: (line: string) => void): () => string {
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8')
      tail = (tail + text).slice(-TAIL_CHARACTERS)
      const lines = (rest + text).split('\n')
      // A line without an end is bounded too: it is handed on in pieces.
      rest = (lines.pop() ?? '').slice(-TAIL_CHARACTERS)
      for (const line of lines) onLine(line)
    })
    // A reader that is gone must not end this process.
    stream?.on('error', () => undefined)
  }
  return () => tail.trim()
}
