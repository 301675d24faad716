import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the whole project; this module runs from `test/dist`. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Every file of the project that git knows or would take, by its path from the root. */
export function listFiles(): string[] {
  const names = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 16 * 1_048_576,
  })
  // A file that is deleted but not yet committed is still listed.
  return names.split('\n').filter((name) => name !== '' && existsSync(join(ROOT, name)))
}

/** The text of a file of the project. */
export function readText(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8')
}

/** The code that runs, without its tests. */
export function isShipped(name: string): boolean {
  return /^(packages|services)\/[^/]+\/(src|migrations)\/.*\.(ts|sql)$/.test(name) && !isTest(name)
}

/** Tests, and what only they use. */
export function isTest(name: string): boolean {
  return /\.test\.ts$|\/given\.ts$|^test\/|^(packages|services)\/[^/]+\/test\//.test(name)
}
