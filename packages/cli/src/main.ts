import { CommandError, EXIT_NO_OUTPUT } from './command-error.ts'
import { printable } from './printable.ts'
import { runProgram } from './program.ts'

// A reader that has gone has what it wants, as of `mumega help | head`. Any other end of the output
// must not pass for a success.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  process.exitCode = EXIT_NO_OUTPUT
  process.stderr.write(`The output cannot be written: ${error.message}.\n`)
})

// The exit code is set and not exited with, so that output into a pipe is written whole.
try {
  const { exitCode, output } = await runProgram(process.argv.slice(2), process.env)
  process.exitCode = exitCode
  process.stdout.write(output)
} catch (error) {
  if (!(error instanceof CommandError)) throw error
  process.exitCode = error.exitCode
  process.stderr.write(`${error.message.split('\n').map(shown).join('\n')}\n`)
}

/**
 * A line of an error. A token or a key in it was given in the wrong place, or is sent back by a
 * server.
 */
function shown(line: string): string {
  return printable(line)
    .replaceAll(/mmg_[a-z]+_[A-Za-z0-9_-]+/g, 'mmg_…')
    .replaceAll(/PRIVATE\+KEY\+\S+/g, 'PRIVATE+KEY+…')
}
