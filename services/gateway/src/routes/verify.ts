import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { App } from '../app.ts'
import { textAnswer } from '../schemas.ts'

/**
 * The page that verifies a receipt in the browser, without asking anybody. It is public, as it
 * knows nothing: whoever has it saved needs no gateway. Throws at start where it is not built.
 */
export function addVerifyRoute(app: App): void {
  const page = readPage()
  const policy = policyOf(page)
  app.get(
    '/verify',
    {
      config: { access: 'public' },
      schema: {
        tags: ['audit'],
        operationId: 'getVerifyPage',
        summary: 'A page that verifies receipts by itself, to be opened or saved',
        response: { 200: textAnswer('One HTML file that loads and sends nothing.', 'text/html') },
      },
    },
    async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('Content-Security-Policy', `${policy}; frame-ancestors 'none'`)
        .header('Cache-Control', 'no-cache')
        .send(page),
  )
}

function readPage(): string {
  try {
    return readFileSync(
      fileURLToPath(import.meta.resolve('@mumega/verify-page/verify.html')),
      'utf8',
    )
  } catch (cause) {
    throw new Error('The page of /verify is not built. Run `npm run build` once.', { cause })
  }
}

/** The page's own policy, which names its script and style by their hashes. */
function policyOf(page: string): string {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1]
  if (policy === undefined) throw new Error('The page of /verify has no policy of its own.')
  return policy
}
