import { AppError } from '@mumega/errors'
import { agent } from './agent.ts'
import { audit } from './audit.ts'
import {
  CommandError,
  EXIT_NO_INPUT,
  EXIT_NO_OUTPUT,
  EXIT_USAGE,
  usageError,
} from './command-error.ts'
import type { Command, Outcome } from './command.ts'
import { loadConfig, type Config } from './config.ts'
import { drift } from './drift.ts'
import { drill } from './drill.ts'
import { engram } from './engram.ts'
import { gate } from './gate.ts'
import { objective } from './objective.ts'
import { principal } from './principal.ts'
import { progress } from './progress.ts'
import { status } from './status.ts'
import { trace } from './trace.ts'
import { verify } from './verify.ts'
import { work } from './work.ts'

const COMMANDS: readonly Command[] = [
  ...[verify, audit, trace, status, drill],
  ...[agent, principal, objective, engram, progress, work, drift, gate],
]

const HELP_OPTIONS: readonly string[] = ['--help', '-h']

const HELP = `mumega looks at a Mumega that runs here, lets agents join, acts as a
principal, does what the HTTP API lets a token do with objectives, memory,
work and the gate, and verifies receipts of any.

${COMMANDS.map((command) => command.help).join('\n\n')}

Wrong usage ends with exit code ${EXIT_USAGE}, a file that cannot be read with ${EXIT_NO_INPUT},
output that cannot be written with ${EXIT_NO_OUTPUT}.
`

/**
 * Runs one command line, without the program's name.
 *
 * @throws CommandError with the line and the exit code to end with
 */
export async function runProgram(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> {
  const [name, ...rest] = args
  if (name === undefined) throw new CommandError(EXIT_USAGE, HELP.trimEnd())
  if (name === 'help' || (args.length === 1 && HELP_OPTIONS.includes(name))) {
    return { exitCode: 0, output: HELP }
  }
  const command = COMMANDS.find((known) => known.name === name)
  if (command === undefined) throw usageError(`There is no command "${name}".`)
  // A file that happens to be named `-h` must never end a script's `mumega verify` with the exit
  // code of a valid receipt: after a command, help is usage like any other that judges nothing.
  if (rest.length === 1 && HELP_OPTIONS.includes(rest[0] ?? '')) {
    throw new CommandError(EXIT_USAGE, command.help)
  }
  return command.run(rest, configOf(environment))
}

function configOf(environment: Readonly<Record<string, string | undefined>>): Config {
  try {
    return loadConfig(environment)
  } catch (error) {
    if (error instanceof AppError && error.code === 'config.invalid')
      throw usageError(error.message)
    throw error
  }
}
