import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseVkey } from '@mumega/tlog/note'
import { CommandError, EXIT_USAGE } from './command-error.ts'
import type { Config } from './config.ts'
import { readInput } from './read-input.ts'

export interface LogKey {
  readonly vkey: string
  /** Where it was taken from, for the user to judge. */
  readonly origin: string
}

/**
 * The verifier key to judge a receipt by: what `--vkey` gives, as text or as a file, else the key
 * of the local run.
 *
 * @throws CommandError of exit code 64 when there is none
 */
export async function findLogKey(option: string | undefined, config: Config): Promise<LogKey> {
  if (option === undefined) return localKey(config)
  if (isVkey(option)) return { vkey: option, origin: 'the command line' }
  if (existsSync(option)) return keyOfFile(option, config)
  throw new CommandError(
    EXIT_USAGE,
    '--vkey is neither a verifier key (<name>+<8 hex digits>+<base64>) nor a file with one.',
  )
}

async function localKey(config: Config): Promise<LogKey> {
  const path = join(config.MUMEGA_DATA_DIR, 'log.vkey')
  if (existsSync(path)) return keyOfFile(path, config)
  throw new CommandError(
    EXIT_USAGE,
    `There is no key to verify with: ${path} does not exist. ` +
      "Give the log's verifier key with --vkey, as text or as a file.",
  )
}

async function keyOfFile(path: string, config: Config): Promise<LogKey> {
  const vkey = (await readInput(path, config)).toString('utf8').trim()
  if (isVkey(vkey)) return { vkey, origin: path }
  throw new CommandError(EXIT_USAGE, `${path} does not hold the verifier key of a log.`)
}

function isVkey(text: string): boolean {
  try {
    return parseVkey(text).type === 1
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
