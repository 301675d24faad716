import { runCommand } from './processes.ts'

/**
 * Runs the command and gives what it printed; throws with the end of its complaint when it fails.
 */
export async function must(
  command: string,
  words: readonly string[],
  { timeoutMs, environment, cwd }: MustOptions,
): Promise<string> {
  const ended = await runCommand(command, words, {
    timeoutMs,
    ...(environment === undefined ? {} : { env: environment }),
    ...(cwd === undefined ? {} : { cwd }),
  })
  if (ended.code === 0) return ended.stdout
  const complaint = ended.stderr.trim().split('\n').slice(-2).join(' ').slice(-500)
  throw new Error(complaint || `${command} ended with ${ended.code ?? 'no code'}`)
}

export interface MustOptions {
  timeoutMs: number
  environment?: NodeJS.ProcessEnv
  cwd?: string
}
