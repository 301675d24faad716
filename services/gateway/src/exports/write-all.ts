import type { Writable } from 'node:stream'

/**
 * Writes the texts at the pace of whoever reads, and ends. The next one is asked for only when the
 * last was taken, so that a slow reader costs no memory. A reader that goes away ends it, too.
 *
 * @throws when nothing is taken for `stallMs`, and whatever `texts` throws
 */
export async function writeAll(
  out: Writable,
  texts: AsyncIterable<string>,
  stallMs: number,
): Promise<void> {
  for await (const text of texts) {
    if (out.destroyed) return
    if (text !== '' && !out.write(text)) await room(out, stallMs)
  }
  out.end()
}

async function room(out: Writable, stallMs: number): Promise<void> {
  const hasRoom = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => {
      settle(false)
    }, stallMs)
    const onRoom = () => {
      settle(true)
    }
    const settle = (isFree: boolean) => {
      clearTimeout(timer)
      out.off('drain', onRoom)
      out.off('close', onRoom)
      resolve(isFree)
    }
    out.on('drain', onRoom)
    out.on('close', onRoom)
  })
  if (!hasRoom) throw new Error(`the reader took nothing for ${stallMs} ms`)
}
