import { homedir } from 'node:os'
import { join } from 'node:path'

/** What the programs of this package take from the environment; the only place that reads it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process. */
export function currentEnvironment(): Environment {
  return process.env
}

/**
 * Where downloads are kept between runs and clones: `$XDG_CACHE_HOME/mumega` or `~/.cache/mumega`.
 */
export function cacheDirOf(environment: Environment): string {
  const configured = environment['XDG_CACHE_HOME']
  const base = configured === undefined || configured === '' ? undefined : configured
  return join(base ?? join(homedir(), '.cache'), 'mumega')
}
