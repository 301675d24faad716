import { isUtf8 } from 'node:buffer'
import type { AppError } from '@mumega/errors'
import { parseExactJson } from '@mumega/tlog/exact-json'
import type { App } from './app.ts'
import { bodyAmbiguous, charsetUnsupported, contentEncoded, textNotUtf8 } from './errors.ts'

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

/**
 * Reads bodies as JSON in UTF-8 and nothing else: what is written otherwise is refused, where the
 * decoder of the platform would put U+FFFD in its place and accept a text that nobody sent. So is a
 * body with a key twice: of two ids, the one that a person reads first is not the one that counts;
 * and one that is compressed, before it is read.
 */
export function readJsonBodies(app: App): void {
  app.addHook('preParsing', async ({ headers, method }, reply) => {
    const coding = headers['content-encoding'] ?? ''
    // These have no body that is read.
    if (method === 'GET' || method === 'HEAD' || isPlain(coding)) return
    // As RFC 7694 has it, for a client that can do without.
    void reply.header('Accept-Encoding', 'identity')
    throw contentEncoded(coding)
  })
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, body, done) => {
      const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase()
      const text = body.toString('utf8')
      if (charset !== undefined && charset !== 'utf-8') done(charsetUnsupported())
      else if (!isUtf8(body)) done(textNotUtf8())
      else
        void parse(request, text, (error, value) => {
          done(error ?? ambiguityOf(text) ?? null, value)
        })
    },
  )
}

/** Whether a body of this Content-Encoding is as it was written. */
function isPlain(coding: string): boolean {
  return coding.split(',').every((one) => ['', 'identity'].includes(one.trim().toLowerCase()))
}

/** What makes a text that is JSON say more than one thing. */
function ambiguityOf(text: string): AppError | undefined {
  try {
    parseExactJson(text)
    return undefined
  } catch (error) {
    if (error instanceof TypeError) return bodyAmbiguous(error.message)
    throw error
  }
}
