import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '@mumega/local/paths'
import { isAlive } from '@mumega/local/processes'
import { eventually } from '@mumega/testkit'

/** One `npm start`, as a person has it in front of them: its output, its signals, its end. */
export interface StartedRun {
  readonly pid: number
  /** Everything it has printed so far. */
  output(): string
  /** Resolves with the gateway's URL once everything serves. */
  url(): Promise<string>
  /** The operator's token that it has printed. */
  token(): string | undefined
  /** The process of a part, by the name in the lines of progress. */
  pidOf(service: string): number
  signal(name: NodeJS.Signals): void
  /** Resolves when it has ended. */
  ended(): Promise<{ code: number | null; durationMs: number }>
  /** Ends it properly, and by force if that fails. For after a test. */
  clear(): Promise<void>
}

const START_MS_MAX = 60_000

/** Starts the supervisor as `scripts/start.mjs` does after installing and building. */
export function givenRun(dataDir: string, env: Record<string, string> = {}): StartedRun {
  const child = spawn(process.execPath, [join(ROOT, 'packages/local/dist/src/main.js')], {
    cwd: ROOT,
    env: {
      ...inherited(),
      ...{ MUMEGA_DATA_DIR: dataDir, MUMEGA_PORT: '0', LOG_LEVEL: 'warn' },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
    })
  }
  const startedAt = Date.now()
  const closed = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    durationMs: Date.now() - startedAt,
  }))
  const run: StartedRun = {
    pid: child.pid ?? 0,
    output: () => text,
    url: () =>
      eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(`it ended: ${text}`)
          return /Mumega runs: (\S+)/.exec(text)?.[1]
        },
        { what: `the gateway's URL in: ${text}`, timeoutMs: START_MS_MAX },
      ),
    token: () => /mmg_operator_\S+/.exec(text)?.[0],
    pidOf(service) {
      const pids = JSON.parse(readFileSync(join(dataDir, 'services.json'), 'utf8')) as Record<
        string,
        number
      >
      return pids[service] ?? 0
    },
    signal: (name) => child.kill(name),
    ended: () => closed,
    async clear() {
      if (!isAlive(run.pid)) return
      child.kill('SIGTERM')
      await closed
    },
  }
  return run
}

// What the programs need to be found, and none of the settings of whoever runs the tests.
function inherited(): Record<string, string> {
  const { PATH = '', HOME = '', XDG_CACHE_HOME = '' } = process.env
  return { PATH, HOME, XDG_CACHE_HOME }
}

/** Asks the gateway and gives status and body. */
export async function ask(
  url: string,
  { token, method = 'GET', body }: { token: string; method?: string; body?: object },
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}
