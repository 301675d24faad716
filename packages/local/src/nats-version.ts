import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Environment } from './config.ts'
import { runCommand } from './processes.ts'

/** The oldest server with what the bus needs; the one that Debian 12 has. */
const OLDEST = { major: 2, minor: 9 }

/**
 * The version that a nats-server program says it is, for instance `2.15.1`; undefined when it is
 * none.
 */
export async function natsVersionOf(program: string): Promise<string | undefined> {
  const said = await runCommand(program, ['--version'], { timeoutMs: 10_000 })
  return /nats-server: v(\d+\.\d+\.\d+)/.exec(said.stdout)?.[1]
}

/** Whether a server of this version will do. */
export function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)
}

/** The first program of this name on PATH. */
export function findOnPath(name: string, environment: Environment): string | undefined {
  return (environment['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((program) => existsSync(program))
}
