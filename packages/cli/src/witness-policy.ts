import { parsePolicy, PolicyError, type Policy } from '@mumega/tlog/policy'
import { CommandError, EXIT_USAGE } from './command-error.ts'
import type { Config } from './config.ts'
import { readInput } from './read-input.ts'

/** @throws CommandError of exit code 64 naming the line, of 66 when the file cannot be read */
export async function readPolicy(path: string, config: Config): Promise<Policy> {
  const text = (await readInput(path, config)).toString('utf8')
  try {
    return parsePolicy(text)
  } catch (fault) {
    if (!(fault instanceof PolicyError)) throw fault
    throw new CommandError(EXIT_USAGE, `${path} is not a policy: ${fault.message}.`)
  }
}

/**
 * Holds the key against the logs that the policy knows, where it names any.
 *
 * @throws CommandError of exit code 64 when it is none of them
 */
export function checkLogOf(policy: Policy, vkey: string): void {
  if (policy.logs.length === 0 || policy.logs.some((log) => log.vkey === vkey)) return
  throw new CommandError(
    EXIT_USAGE,
    'The policy is for other logs than that of the key: give the key of a log that it lists.',
  )
}
