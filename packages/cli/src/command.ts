import { parseArgs, type ParseArgsConfig } from 'node:util'
import { usageError } from './command-error.ts'
import type { Config } from './config.ts'

/** What a command did: the text for standard output, and the exit code of the program. */
export interface Outcome {
  readonly exitCode: number
  /** Ends in a newline. */
  readonly output: string
}

export interface Command {
  readonly name: string
  /** Shown by `--help`. */
  readonly help: string
  run(args: readonly string[], config: Config): Promise<Outcome>
}

type Options = NonNullable<ParseArgsConfig['options']>
type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: O; allowPositionals: true; strict: true }>
>

/**
 * The options and the positional arguments of a command line; with `allowNegative`, `--no-…` says
 * no to one that is yes or no.
 *
 * @throws CommandError of exit code 64
 */
export function parseCommand<O extends Options>(
  args: readonly string[],
  options: O,
  { allowNegative = false } = {},
): Parsed<O> {
  try {
    const parsed = parseArgs({
      ...{ args: [...args], options, allowPositionals: true as const, strict: true as const },
      ...{ tokens: true, allowNegative },
    })
    checkOnce(parsed.tokens, options)
    return parsed
  } catch (cause) {
    const isMistake = cause instanceof TypeError && 'code' in cause
    if (!isMistake) throw cause
    // The first sentence says what is wrong; the rest is advice for programmers.
    throw usageError(`${cause.message.split('. ')[0] ?? ''}.`)
  }
}

/**
 * The last of two keys would win, and nobody would know which one had judged. Of some options each
 * counts.
 */
function checkOnce(tokens: readonly { kind: string; name?: string }[], options: Options): void {
  const names = tokens
    .flatMap(({ kind, name }) => (kind === 'option' && name ? [name] : []))
    .filter((name) => options[name]?.multiple !== true)
  const twice = names.find((name, nth) => names.indexOf(name) < nth)
  if (twice !== undefined) throw usageError(`--${twice} is given more than once.`)
}

/**
 * The only element of `positionals`. Throws CommandError of exit code 64, naming `what` is
 * expected.
 */
export function onlyArgument(positionals: readonly string[], what: string): string {
  const [argument, ...more] = positionals
  if (argument === undefined) throw usageError(`Name ${what}.`)
  if (more.length > 0) throw usageError(`Only ${what} is expected, not also ${more.join(' ')}.`)
  return argument
}
