import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cacheDirOf, currentEnvironment } from '@mumega/local/config'
import { ROOT } from '../tree.ts'
import { NotHere } from './finding.ts'
import { lastLine, runCommand } from './run-command.ts'

const BUILD_MS_MAX = 900_000

/** Where downloaded and built tools are kept between runs. */
export function toolsDir(): string {
  const folder = join(cacheDirOf(currentEnvironment()), 'interop')
  mkdirSync(folder, { recursive: true })
  return folder
}

/**
 * A program of one of the harness's Go modules, built once per version of the module's files and
 * kept in the cache.
 *
 * @param folder below test/interop
 * @param target the package to build
 * @throws NotHere without a Go toolchain, or when the sources cannot be had
 */
export async function buildGo(folder: string, target: string): Promise<string> {
  const cwd = join(ROOT, 'test/interop', folder)
  // Of a module with several programs each has its own place.
  const names = new Set([folder, basename(target)].filter((name) => name !== '.'))
  const program = join(toolsDir(), [...names, hashOf(cwd)].join('-'))
  if (existsSync(program)) return program
  const { code } = await runCommand('go', ['version'], { timeoutMs: 10_000 })
  if (code !== 0) throw new NotHere('no Go toolchain on PATH')
  const draft = `${program}.${process.pid}`
  const built = await runCommand('go', ['build', '-mod=readonly', '-o', draft, target], {
    cwd,
    // Two builds at once are enough for a machine that has other work, too.
    env: { CGO_ENABLED: '0', GOMAXPROCS: '2' },
    timeoutMs: BUILD_MS_MAX,
  })
  if (built.code !== 0) throw new NotHere(`go build: ${lastLine(built.output)}`)
  renameSync(draft, program)
  return program
}

function hashOf(folder: string): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum', 'main.go', 'tools.go']) {
    if (existsSync(join(folder, file))) hash.update(readFileSync(join(folder, file)))
  }
  return hash.digest('hex').slice(0, 16)
}

/** The version of a dependency that a module of the harness asks for. */
export function requiredVersion(folder: string, module: string): string {
  const text = readFileSync(join(ROOT, 'test/interop', folder, 'go.mod'), 'utf8')
  const line = text.split('\n').find((candidate) => candidate.includes(`${module} v`))
  return /\bv\S+/.exec(line ?? '')?.[0] ?? ''
}
