import type { Signer } from '@mumega/tlog/note'
import { parseSignerKey } from '@mumega/tlog/signer-key'
import { usageError } from './command-error.ts'
import type { Config } from './config.ts'
import { readSecret } from './read-input.ts'

/** @throws CommandError of exit code 64 where no file is named */
export function keyFileOf({ key }: { key?: string | undefined }): string {
  if (key === undefined) throw usageError('Name the file of the key with --key.')
  return key
}

/**
 * The principal whose key is in a file.
 *
 * @throws CommandError of exit code 64 where it holds none, of 66 where it is open to others
 */
export async function readSigner(path: string, config: Config): Promise<Signer> {
  const text = (await readSecret(path, config)).toString('utf8').trim()
  try {
    return parseSignerKey(text)
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw usageError(`${path} holds no principal’s key: ${cause.message}.`)
  }
}
