import { isUtf8 } from 'node:buffer'
import type { App } from './app.ts'
import { charsetUnsupported, textNotUtf8 } from './errors.ts'

const CHARSET = /;\s*charset\s*=\s*"?([^";\s]*)/i

/**
 * Reads bodies as JSON in UTF-8 and nothing else: what is written otherwise is refused, where the
 * decoder of the platform would put U+FFFD in its place and accept a text that nobody sent.
 */
export function readJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, body, done) => {
      const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1]?.toLowerCase()
      if (charset !== undefined && charset !== 'utf-8') done(charsetUnsupported())
      else if (!isUtf8(body)) done(textNotUtf8())
      else void parse(request, body.toString('utf8'), done)
    },
  )
}
