import { rmSync } from 'node:fs'
import type { Postgres } from '@mumega/local/postgres'

/** What the global set-up made and the tear-down removes; both run in Jest's own process. */
export interface RunResources {
  folder: string
  postgres: Postgres
}

let resources: RunResources | undefined

/** Keeps what the set-up made. */
export function rememberRun(made: RunResources): void {
  resources = made
}

/** Stops the cluster of this run and removes its folder. Does nothing where a server was provided. */
export async function endRun(): Promise<void> {
  if (resources === undefined) return
  const { folder, postgres } = resources
  resources = undefined
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}
