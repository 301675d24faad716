import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

const OUTPUT_CHARACTERS_MAX = 100_000

/**
 * Runs a command in the repository to its end. Its output is kept (the last part of it) and given
 * to `onLine` line by line. A command that cannot be started ends with code 127.
 */
export function runQuietly(command, words, { env = process.env, onLine = () => {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let rest = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + chunk).slice(-OUTPUT_CHARACTERS_MAX)
        const lines = (rest + chunk).split('\n')
        rest = lines.pop().slice(-OUTPUT_CHARACTERS_MAX)
        lines.forEach((line) => onLine(line))
      })
    }
    child.once('error', (error) => resolve({ code: 127, output: error.message }))
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** Runs a command on this terminal to its end and passes signals on to it. Gives its exit code. */
export function runOpenly(command, words, { env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd: ROOT, env, stdio: 'inherit' })
    const pass = (signal) => child.kill(signal)
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass)
    child.once('error', () => resolve(127))
    child.once('close', (code) => {
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, pass)
      resolve(code ?? 1)
    })
  })
}
