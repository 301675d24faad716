import './check-node.mjs'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allProjects, build } from './build.mjs'
import { ROOT, runQuietly } from './command.mjs'
import { install } from './install.mjs'
import { step } from './progress.mjs'

await install()
step('compiling …')
// The linter needs the types, and its own plugin, compiled.
await build(allProjects())

const CHECKS = {
  eslint: ['node_modules/eslint/bin/eslint.js', '.'],
  prettier: ['node_modules/prettier/bin/prettier.cjs', '--check', '.'],
  'dependency-cruiser': [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    ...['--config', '.dependency-cruiser.mjs', 'packages', 'services', 'test', 'scripts'],
  ],
}

let failures = unlistedProjects()
for (const [name, words] of Object.entries(CHECKS)) {
  const { code, output } = await runQuietly(process.execPath, words)
  step(code === 0 ? `${name}: nothing to complain about` : `${name}: complaints`)
  if (code !== 0) process.stdout.write(output)
  failures += code === 0 ? 0 : 1
}
process.exit(failures === 0 ? 0 : 1)

/** tsconfig.json is for editors; it must list the same projects that the build finds. */
function unlistedProjects() {
  const listed = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')).references
  const paths = new Set(listed.map(({ path }) => path))
  const missing = allProjects().filter((project) => !paths.has(project))
  const gone = [...paths].filter((path) => !allProjects().includes(path))
  for (const path of missing) process.stdout.write(`tsconfig.json does not list ${path}\n`)
  for (const path of gone)
    process.stdout.write(`tsconfig.json lists ${path}, which is no project\n`)
  return missing.length + gone.length
}
