import './check-node.mjs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, suiteProjects } from './build.mjs'
import { ROOT } from './command.mjs'
import { install } from './install.mjs'
import { startedAt, step } from './progress.mjs'

await install()
step('building what has changed …')
await build(suiteProjects(), { check: false })

// In this same process, so that the terminal's signals reach the supervisor directly.
process.env.MUMEGA_STARTED_AT_MS = String(startedAt())
await import(pathToFileURL(join(ROOT, 'packages', 'local', 'dist', 'src', 'main.js')).href)
