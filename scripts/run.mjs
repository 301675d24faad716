import './check-node.mjs'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { allProjects, build, suiteProjects } from './build.mjs'
import { ROOT, runOpenly } from './command.mjs'
import { install } from './install.mjs'
import { fail } from './progress.mjs'

const [path = '', ...words] = process.argv.slice(2)

await install()
await build(path.startsWith('test/') ? allProjects() : suiteProjects(), { check: false })
const program = programOf(path)
if (program === undefined) fail(`There is no program ${path}.`)
process.exit(await runOpenly(process.execPath, ['--enable-source-maps', program, ...words]))

/**
 * `test/bench` is test/dist/bench/main.js; `packages/local/doctor` is
 * packages/local/dist/src/doctor.js.
 */
function programOf(name) {
  const [kind, folder, program = 'main'] = name.split('/')
  const compiled =
    kind === 'test'
      ? ['test', 'dist', folder, 'main.js']
      : [kind, folder, 'dist', 'src', `${program}.js`]
  const file = join(ROOT, ...compiled.map((part) => part ?? ''))
  return existsSync(file) ? file : undefined
}
