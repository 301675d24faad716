import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

// Makes dist/verify.html of what the compiler built: tlog's own code and the page's, in one file
// that needs no other. The policy names script and style by their hashes and allows nothing else.

const at = (path) => fileURLToPath(new URL(`../packages/verify-page/${path}`, import.meta.url))

const { outputFiles } = await build({
  entryPoints: [at('dist/src/page.js')],
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'inline',
  minifySyntax: true,
  minifyWhitespace: true,
  charset: 'ascii',
  alias: { 'node:crypto': at('dist/src/web-crypto.js') },
  inject: [at('dist/src/buffer.js')],
  logLevel: 'warning',
})
const script = outputFiles[0].text.replaceAll('</script', '<\\/script').trim()
const style = readFileSync(at('src/page.css'), 'utf8').trim()
const sha256 = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
const policy = [
  "default-src 'none'",
  `script-src ${sha256(script)}`,
  `style-src ${sha256(style)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const page = [
  ['<!-- style -->', `<style>${style}</style>`],
  ['<!-- script -->', `<script type="module">${script}</script>`],
  ['content="policy"', `content="${policy}"`],
].reduce(
  (text, [mark, part]) => {
    if (text.split(mark).length !== 2) throw new Error(`page.html has not exactly one ${mark}`)
    return text.replace(mark, () => part)
  },
  readFileSync(at('src/page.html'), 'utf8'),
)
writeFileSync(at('dist/verify.html'), page)
