import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from './config.ts'
import { must } from './must.ts'
import { findOnPath } from './nats-version.ts'

const STEP_MS_MAX = 120_000

/** Why Debian's packages cannot be fetched here; undefined when they can. */
export function noDebian(environment: Environment): string | undefined {
  const missing = ['apt-get', 'dpkg'].find((name) => findOnPath(name, environment) === undefined)
  return missing === undefined ? undefined : `no ${missing} here`
}

/**
 * Unpacks Debian's or Ubuntu's packages into `workDir` without installing them, as any user; apt
 * checks the archive's signature. Nothing of the system's apt is changed.
 */
export async function unpackDebian(
  names: readonly string[],
  { workDir, environment }: { workDir: string; environment: Environment },
): Promise<void> {
  const folders = { State: 'state', 'State::Lists': 'lists', Cache: 'cache' }
  for (const folder of ['state', 'lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(workDir, folder), { recursive: true })
  }
  const options = Object.entries(folders).flatMap(([name, folder]) => [
    '-o',
    `Dir::${name}=${join(workDir, folder)}`,
  ])
  // Root's apt would hand the download to a user who cannot enter our folder.
  if (process.getuid?.() === 0) options.push('-o', 'APT::Sandbox::User=root')
  const limits = { timeoutMs: STEP_MS_MAX, environment: { ...environment } }
  await must('apt-get', [...options, '-qq', 'update'], limits)
  const words = [...options, '-qq', 'download', ...names]
  await must('apt-get', words, { ...limits, cwd: workDir })
  const files = readdirSync(workDir).filter((name) => name.endsWith('.deb'))
  if (files.length < names.length) throw new Error('apt-get did not download every package')
  for (const file of files) await must('dpkg', ['-x', join(workDir, file), workDir], limits)
}
