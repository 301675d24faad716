import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '@mumega/local/processes'
import { eventually } from '@mumega/testkit'
import type { GivenSuite } from './given-suite.ts'

/** A process that the supervisor started, by its name in the lines of progress. */
export type Victim = 'audit-ledger' | 'bridge' | 'gateway' | 'NATS' | 'PostgreSQL'

const RESTART_MS_MAX = 60_000

/** Ends the victims with SIGKILL, at once. Resolves when the supervisor has them running again. */
export async function kill(suite: GivenSuite, ...victims: Victim[]): Promise<void> {
  const restarts = victims.map((victim) => ({ victim, before: restartsOf(suite, victim) }))
  for (const victim of victims) signal(suite, victim, 'SIGKILL')
  for (const { victim, before } of restarts) {
    await eventually(async () => restartsOf(suite, victim) > before, {
      what: `${victim} to run again`,
      timeoutMs: RESTART_MS_MAX,
    })
  }
}

/** Makes the victim hang. It can still be killed. */
export function freeze(suite: GivenSuite, victim: Victim): void {
  signal(suite, victim, 'SIGSTOP')
}

function signal(suite: GivenSuite, victim: Victim, name: NodeJS.Signals): void {
  const pid = pidOf(suite, victim)
  // To the operating system 0 means our own group of processes.
  if (!(pid > 1 && isAlive(pid))) throw new Error(`${victim} does not run as ${pid}`)
  process.kill(pid, name)
}

/** As the supervisor, or the server itself, wrote it down. */
function pidOf({ run, dataDir }: GivenSuite, victim: Victim): number {
  const firstLineOf = (file: string) =>
    Number(readFileSync(join(dataDir, file), 'utf8').split('\n')[0])
  if (victim === 'NATS') return firstLineOf('nats/nats.pid')
  if (victim === 'PostgreSQL') return firstLineOf('postgres/postmaster.pid')
  return run.pidOf(victim)
}

function restartsOf({ run }: GivenSuite, victim: Victim): number {
  return run.output().split(`${victim} runs again`).length - 1
}
