import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { NotHere } from '../interop/finding.ts'
import { toolsDir } from '../interop/go-module.ts'
import { lastLine, runCommand } from '../interop/run-command.ts'

const INSTALL_MS_MAX = 240_000
const FILES = ['package.json', 'package-lock.json'] as const

/**
 * The folder, in the cache, in which the packages of a committed lock file are installed: once.
 *
 * @throws NotHere when they cannot be had
 */
export async function installLocked(source: string): Promise<string> {
  const lock = createHash('sha256').update(readFileSync(join(source, 'package-lock.json')))
  const folder = join(toolsDir(), `${basename(source)}-${lock.digest('hex').slice(0, 16)}`)
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
    throw new NotHere(`npm cannot install ${basename(source)} here: ${lastLine(output)}`)
  }
  mkdirSync(isInstalled)
  return folder
}
