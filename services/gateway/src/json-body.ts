import { isUtf8 } from 'node:buffer'
import type { AppError } from '@mumega/errors'
import { parseExactJson } from '@mumega/tlog/exact-json'
import type { App } from './app.ts'
import { bodyAmbiguous, charsetUnsupported, textNotUtf8 } from './errors.ts'

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

/**
 * Reads bodies as JSON in UTF-8 and nothing else: what is written otherwise is refused, where the
 * decoder of the platform would put U+FFFD in its place and accept a text that nobody sent. So is a
 * body with a key twice: of two ids, the one that a person reads first is not the one that counts.
 */
export function readJsonBodies(app: App): void {
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
