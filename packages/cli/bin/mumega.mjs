#!/usr/bin/env node
// The compiled program is absent until the first build, which `npm start` and `npm test` do.
import { existsSync } from 'node:fs'

const program = new URL('../dist/main.mjs', import.meta.url)
if (!existsSync(program)) {
  process.stderr.write('mumega is not built yet. Run `npm start`, or `npm run build`, once.\n')
  process.exit(1)
}
await import(program.href)
