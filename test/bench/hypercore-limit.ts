import { fork } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotHere } from '../interop/finding.ts'
import { toolsDir } from '../interop/go-module.ts'
import { lastLine, runCommand } from '../interop/run-command.ts'
import { ROOT } from '../tree.ts'
import type { HypercoreOrder } from './hypercore-append.ts'

const INSTALL_MS_MAX = 240_000
const FILES = ['package.json', 'package-lock.json'] as const

/**
 * Blocks a second that npm's hypercore takes in one process, in batches, with its storage's own
 * flush after each. It signs each batch and keeps a Merkle tree as we do. It is not durable: its
 * flush syncs nothing to disk for most batches. And it has no keys to tell duplicates by.
 *
 * @throws NotHere when it cannot be installed or does not run on this platform
 */
export async function measureHypercore(order: Omit<HypercoreOrder, 'modules'>): Promise<number> {
  const modules = await installHypercore()
  const child = fork(fileURLToPath(new URL('./hypercore-append.js', import.meta.url)))
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => {
      reject(new NotHere(`hypercore ended with ${code} and no report`))
    })
    child.send({ ...order, modules } satisfies HypercoreOrder)
  })
}

/** The folder from which it can be imported, in the cache; as its committed lock file says. */
async function installHypercore(): Promise<string> {
  const source = join(ROOT, 'test/bench/hypercore')
  const folder = join(toolsDir(), `hypercore-${versionIn(source)}`)
  const isInstalled = join(folder, 'installed')
  if (existsSync(isInstalled)) return folder
  mkdirSync(folder, { recursive: true })
  for (const file of FILES) copyFileSync(join(source, file), join(folder, file))
  const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { code, output } = await runCommand('npm', words, {
    cwd: folder,
    timeoutMs: INSTALL_MS_MAX,
  })
  if (code !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new NotHere(`npm has no hypercore here: ${lastLine(output)}`)
  }
  mkdirSync(isInstalled)
  return folder
}

function versionIn(folder: string): string {
  const text = readFileSync(join(folder, 'package.json'), 'utf8')
  // The file beside this one.
  const { dependencies } = JSON.parse(text) as { dependencies: { hypercore: string } }
  return dependencies.hypercore
}
