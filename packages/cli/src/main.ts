import { CommandError } from './command-error.ts'
import { printable } from './printable.ts'
import { runProgram } from './program.ts'

// The exit code is set and not exited with, so that output into a pipe is written whole.
try {
  const { exitCode, output } = await runProgram(process.argv.slice(2), process.env)
  process.exitCode = exitCode
  process.stdout.write(output)
} catch (error) {
  if (!(error instanceof CommandError)) throw error
  process.exitCode = error.exitCode
  process.stderr.write(`${error.message.split('\n').map(printable).join('\n')}\n`)
}
