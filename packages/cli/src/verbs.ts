import { usageError } from './command-error.ts'
import type { Command } from './command.ts'

type Run = Command['run']

/** By the words after the command's name, one or two: `ledger`, `sprint open`. */
export type Verbs = Readonly<Record<string, Run>>

/** Runs the verb that the first words name, with what follows them. */
export function runVerb(command: string, verbs: Verbs): Run {
  return async (args, config) => {
    for (const length of [2, 1]) {
      const name = args.slice(0, length).join(' ')
      const run = Object.hasOwn(verbs, name) ? verbs[name] : undefined
      if (run !== undefined) return run(args.slice(length), config)
    }
    throw usageError(`It is ${namesOf(command, Object.keys(verbs))}.`)
  }
}

function namesOf(command: string, [first = '', ...others]: readonly string[]): string {
  const names = [`\`mumega ${command} ${first}\``, ...others.map((name) => `\`${name}\``)]
  const last = names.pop() ?? ''
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`
}
