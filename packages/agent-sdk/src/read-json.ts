/** A body that has more bytes than whoever asked will hold. */
export class AnswerTooLong extends Error {
  constructor(bytesMax: number) {
    super(`The answer has more than ${bytesMax} bytes.`)
  }
}

/**
 * The JSON of an answer of at most so many bytes; undefined when it is none.
 *
 * @throws AnswerTooLong, and what the connection fails with
 */
export async function readJson(response: Response, bytesMax: number): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new AnswerTooLong(bytesMax)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
