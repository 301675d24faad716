import './check-node.mjs'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT, runQuietly } from './command.mjs'
import { install } from './install.mjs'
import { fail, step } from './progress.mjs'

/** Every TypeScript project of the repository, as folders. */
export function allProjects() {
  const parents = ['packages', 'services'].flatMap((kind) =>
    readdirSync(join(ROOT, kind)).map((name) => `${kind}/${name}`),
  )
  return [...parents.flatMap((folder) => [folder, `${folder}/test`]), 'test'].filter((folder) =>
    existsSync(join(ROOT, folder, 'tsconfig.json')),
  )
}

/** The projects that `npm start` needs; the compiler adds what they refer to. */
export function suiteProjects() {
  const isService = (folder) => /^services\/[^/]+$/.test(folder)
  return ['packages/local', 'packages/cli', ...allProjects().filter(isService)]
}

/**
 * Compiles what has changed since the last time, and says in the end what is wrong if anything is.
 * `check: false` leaves the types unchecked (a fifth of the time): for whoever only runs what was
 * checked before it was committed. The next build with checks checks all of it.
 */
export async function build(projects, { check = true } = {}) {
  for (const folder of allProjects()) prune(folder)
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  const startedAtMs = Date.now()
  const { code, output } = await runQuietly(process.execPath, [
    ...[compiler, '-b', ...(check ? [] : ['--noCheck'])],
    ...projects,
  ])
  if (code !== 0) fail(`${output.trim()}\n\nThe build failed; the lines above say where.`)
  // Loaded late: before the first install there is nothing to load it from.
  const { bundle } = await import('./bundle.mjs')
  await bundle()
  await buildVerifyPage()
  if (Date.now() - startedAtMs > 2_000) step('built')
}

/** The page that is made of compiled code, where that is newer than the page. */
async function buildVerifyPage() {
  const folder = join(ROOT, 'packages', 'verify-page')
  const page = join(folder, 'dist', 'verify.html')
  const sources = [
    ...[
      join(ROOT, 'scripts', 'build-verify-page.mjs'),
      join(folder, 'src', 'page.html'),
      join(folder, 'src', 'page.css'),
    ],
    ...['verify-page', 'tlog'].flatMap((name) => {
      const compiled = join(ROOT, 'packages', name, 'dist', 'src')
      return readdirSync(compiled).map((file) => join(compiled, file))
    }),
  ]
  const newest = Math.max(...sources.map((file) => statSync(file).mtimeMs))
  if (existsSync(page) && statSync(page).mtimeMs > newest) return
  const { code, output } = await runQuietly(process.execPath, [
    join(ROOT, 'scripts', 'build-verify-page.mjs'),
  ])
  if (code !== 0) fail(`${output.trim()}\n\nThe verify page was not built.`)
}

/**
 * Removes what was compiled from a source that is gone: the compiler leaves it, and a test or a
 * program that was deleted would go on running.
 */
function prune(folder) {
  const isTest = folder.endsWith('/test')
  // A test project compiles into the folder of what it tests: packages/x/test into
  // packages/x/dist/test.
  const base = isTest ? folder.slice(0, -'/test'.length) : folder
  const compiled = join(ROOT, base, 'dist', ...(isTest ? ['test'] : []))
  if (!existsSync(compiled)) return
  for (const entry of readdirSync(compiled, { recursive: true, withFileTypes: true })) {
    const suffix = /\.(js|js\.map|d\.ts)$/.exec(entry.name)
    if (!entry.isFile() || suffix === null) continue
    const path = join(entry.parentPath, entry.name)
    const source = relative(join(ROOT, base, 'dist'), path).slice(0, -suffix[0].length)
    if (!existsSync(join(ROOT, base, `${source}.ts`))) rmSync(path)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await install()
  step('building …')
  await build(allProjects())
}
