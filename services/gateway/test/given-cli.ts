import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..', '..', '..')
const CLI = join(ROOT, 'packages', 'cli', 'dist', 'main.mjs')

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real `mumega`, with this token where there is one, and this on its standard input. */
export async function mumega(
  args: readonly string[],
  token: string | undefined,
  input = '',
): Promise<Ran> {
  const env = { PATH: process.env['PATH'], ...(token !== undefined && { MUMEGA_TOKEN: token }) }
  const child = spawn(process.execPath, [CLI, ...args], { env })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  // A program that ends without reading it closes it first.
  child.stdin.on('error', () => undefined).end(input)
  await once(child, 'close')
  return { code: child.exitCode, stdout, stderr }
}
