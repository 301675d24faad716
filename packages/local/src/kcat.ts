import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirOf, currentEnvironment, type Environment } from './config.ts'
import { noDebian, unpackDebian } from './debian-packages.ts'
import { findOnPath } from './nats-version.ts'
import { runCommand } from './processes.ts'

export interface Kcat {
  path: string
  /** What its process needs to find the libraries that came with it. */
  env: Record<string, string>
}

const CACHE_GENERATION = 1
// With what Debian's base system lacks of its libraries.
const PACKAGES = ['kcat', 'librdkafka1', 'libyajl2']

/**
 * The program kcat: the one on PATH, else the copy in the cache, else Debian's, unpacked into the
 * cache without root. Or why there is none.
 */
export async function findKcat(
  environment: Environment = currentEnvironment(),
): Promise<Kcat | { reason: string }> {
  const installed = findOnPath('kcat', environment)
  if (installed !== undefined) return { path: installed, env: {} }
  const place = join(cacheDirOf(environment), `kcat-${CACHE_GENERATION}`)
  try {
    if (!existsSync(place)) await fetchInto(place, environment)
    const kcat = kcatIn(place)
    const { code } = await runCommand(kcat.path, ['-V'], {
      timeoutMs: 10_000,
      env: { ...environment, ...kcat.env },
    })
    if (code !== 0) throw new Error(`the one in ${place} does not run here`)
    return kcat
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { reason: `there is no kcat: ${why}; \`apt-get install kcat\` provides one` }
  }
}

function kcatIn(folder: string): Kcat {
  const libraries = join(folder, 'usr', 'lib')
  const paths = readdirSync(libraries).map((name) => join(libraries, name))
  return { path: join(folder, 'usr', 'bin', 'kcat'), env: { LD_LIBRARY_PATH: paths.join(':') } }
}

async function fetchInto(place: string, environment: Environment): Promise<void> {
  const obstacle = noDebian(environment)
  if (obstacle !== undefined) throw new Error(obstacle)
  const cacheDir = cacheDirOf(environment)
  mkdirSync(cacheDir, { recursive: true })
  const workDir = mkdtempSync(join(cacheDir, 'kcat-fetch-'))
  try {
    await unpackDebian(PACKAGES, { workDir, environment })
    // Another run may have been faster; its copy is as good.
    if (!existsSync(place)) renameSync(workDir, place)
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}
