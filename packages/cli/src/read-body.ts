import { isUtf8 } from 'node:buffer'
import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { faultOf } from '@mumega/contracts/faults'
import { complaintsOf } from '@mumega/contracts/variants'
import { parseExactJson } from '@mumega/tlog/exact-json'
import { CommandError, EXIT_USAGE } from './command-error.ts'
import type { Config } from './config.ts'
import { unreadable } from './open-input.ts'
import { readInput } from './read-input.ts'

/** As the gateway has it: a longer body is refused there. */
const BODY_BYTES_MAX = 65_536

/** The word by which a command names the file that `readBody` reads. */
export const File = Type.String({ minLength: 1 })

/**
 * What a JSON file says, or the standard input where the file is `-`, as exactly these fields.
 *
 * @throws CommandError of exit code 64 naming the field that is wrong, of 66 when it cannot be read
 */
export async function readBody<Properties extends TProperties>(
  path: string,
  fields: Properties,
  config: Config,
): Promise<Static<TObject<Properties>>> {
  const bytes = await readInput(path, config)
  const name = path === '-' ? 'The standard input' : path
  if (bytes.length > BODY_BYTES_MAX) {
    throw unreadable(path, new Error(`it has more than ${BODY_BYTES_MAX} bytes`))
  }
  const value = parsed(bytes, name)
  const schema = Type.Object(fields, { additionalProperties: false })
  if (Value.Check(schema, value)) return value
  const { field, reason } = faultOf(complaintsOf(Compile(schema), value), 'All of it')
  throw new CommandError(EXIT_USAGE, `${name}: ${field} ${reason}.`)
}

function parsed(bytes: Buffer, name: string): unknown {
  if (!isUtf8(bytes)) throw new CommandError(EXIT_USAGE, `${name} is not UTF-8.`)
  try {
    return parseExactJson(bytes.toString('utf8'))
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new CommandError(EXIT_USAGE, `${name}: ${cause.message}.`, { cause })
    }
    if (!(cause instanceof SyntaxError)) throw cause
    // The rest of its message shows what is in the file.
    const [where] = /at position [0-9]+( \(line [0-9]+ column [0-9]+\))?/.exec(cause.message) ?? []
    const told = where === undefined ? `${name} is no JSON.` : `${name} is no JSON ${where}.`
    throw new CommandError(EXIT_USAGE, told, { cause })
  }
}
