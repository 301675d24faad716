import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestBridge } from './given.ts'

const MAIN = fileURLToPath(new URL('../src/main.js', import.meta.url))

export interface Forked {
  child: ChildProcess
  /** What it has written to both of its streams. */
  output: () => string
}

/** The bridge as a process of its own, with nothing in its environment but these settings. */
export function forkMain(settings: Record<string, string>): Forked {
  const child = fork(MAIN, { env: settings, silent: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  }
  return { child, output: () => output }
}

/** One more instance on the same database and bus. */
export function forkBridge(
  { database, nats }: Pick<TestBridge, 'database' | 'nats'>,
  settings: Record<string, string> = {},
): Forked {
  return forkMain({
    ...settings,
    DATABASE_URL: database.urlOf('bridge'),
    NATS_URL: nats.url,
    NATS_NKEY_SEED: nats.seedOf('bridge'),
  })
}
