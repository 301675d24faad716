import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { NotHere } from './finding.ts'
import { toolsDir } from './go-module.ts'
import { lastLine, runCommand } from './run-command.ts'

const INSTALL_MS_MAX = 300_000

export interface NpmTool {
  name: string
  version: string
  /** A file below its node_modules that is there when it is installed. */
  file: string
}

/** The path of a file of a package at this version, which is installed once. @throws NotHere */
export async function findNpmTool({ name, version, file }: NpmTool): Promise<string> {
  const folder = join(toolsDir(), `${name.replace(/^@/, '').replace('/', '-')}-${version}`)
  const path = join(folder, 'node_modules', file)
  if (existsSync(path)) return path
  const words = ['install', '--prefix', folder, '--no-save', '--no-audit', `${name}@${version}`]
  const { code, output } = await runCommand('npm', words, { timeoutMs: INSTALL_MS_MAX })
  if (code === 0 && existsSync(path)) return path
  rmSync(folder, { recursive: true, force: true })
  throw new NotHere(`npm has no ${name}@${version} here: ${lastLine(output)}`)
}
