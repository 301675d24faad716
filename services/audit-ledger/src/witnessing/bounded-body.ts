/**
 * The body of an answer, or undefined where it has more than `bytesMax` bytes: then the rest is not
 * read.
 */
export async function readBounded(answer: Response, bytesMax: number): Promise<Buffer | undefined> {
  const body: ReadableStream<Uint8Array> | null = answer.body
  if (body === null) return Buffer.alloc(0)
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(parts)
    length += value.length
    if (length > bytesMax) {
      await reader.cancel()
      return undefined
    }
    parts.push(value)
  }
}

/** Why a request failed, for an operator; what the library says is of no use to one. */
export function reasonOf(error: unknown, timeoutMs: number): string {
  const name =
    typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined
  if (name === 'TimeoutError') return `it did not answer within ${timeoutMs} ms`
  if (name === 'AbortError') return 'the request was given up'
  return 'it cannot be reached, or broke off: is its URL right, and is it up?'
}
