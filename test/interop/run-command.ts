import { spawn } from 'node:child_process'

export interface CommandOptions {
  cwd?: string
  env?: Readonly<Record<string, string>>
  timeoutMs: number
  /** Keeps all of the output, where it is what is wanted. */
  whole?: boolean
}

export interface Ended {
  code: number
  /** The last part of what it wrote, both streams together. */
  output: string
}

const OUTPUT_CHARACTERS_MAX = 100_000

/** Runs a program to its end, or to its time limit. One that cannot be started ends with 127. */
export function runCommand(
  command: string,
  words: readonly string[],
  { cwd, env, timeoutMs, whole = false }: CommandOptions,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(command, words, {
      ...(cwd !== undefined && { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output = whole ? output + chunk : (output + chunk).slice(-OUTPUT_CHARACTERS_MAX)
      })
    }
    const timer = setTimeout(() => {
      output += `\nstopped after ${timeoutMs} ms`
      child.kill('SIGKILL')
    }, timeoutMs)
    child.once('error', (error) => {
      clearTimeout(timer)
      resolve({ code: 127, output: error.message })
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? 1, output })
    })
  })
}

/** The last line that says something: what a person would look at first. */
export function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? ''
}
