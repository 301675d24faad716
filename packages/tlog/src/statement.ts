import { canonicalJson } from './canonical.ts'
import { NoteError, openNote, parseVkey, type Verifier } from './note.ts'

/** What a principal says by its signature; each kind has fields of its own, in this order. */
export type StatementFields = Readonly<Record<string, string | number>>

const KIND = /^[a-z][a-z0-9-]{0,62}$/
const FIELD = /^[a-z][a-zA-Z0-9]{0,62}$/
/** In bytes: a statement names what it is about, and holds the hash of what is long. */
export const STATEMENT_BYTES_MAX = 8_192

/**
 * The text that a principal signs: `mumega/<kind>/v1`, then a line for each field with its value as
 * canonical JSON. One statement has one text, so that who checks it builds the text from what is on
 * record and compares: nothing that was signed is ever interpreted.
 */
export function statementText(kind: string, fields: StatementFields): string {
  if (!KIND.test(kind)) throw new TypeError(`${kind} is no kind of statement`)
  const lines = Object.entries(fields).map(([name, value]) => {
    if (!FIELD.test(name)) throw new TypeError(`${name} is no field of a statement`)
    return `${name} ${canonicalJson(value)}\n`
  })
  const text = `mumega/${kind}/v1\n${lines.join('')}`
  if (Buffer.byteLength(text) > STATEMENT_BYTES_MAX) {
    throw new RangeError(`a statement has at most ${STATEMENT_BYTES_MAX} bytes`)
  }
  return text
}

const STATEMENT = /^mumega\/[a-z][a-z0-9-]{0,62}\/v1\n(?:[a-z][a-zA-Z0-9]{0,62} [^\n]+\n)*$/

/** Whether a text has the form of a statement. */
export function isStatement(text: string): boolean {
  return Buffer.byteLength(text) <= STATEMENT_BYTES_MAX && STATEMENT.test(text)
}

/** Why a signed statement does not count. */
export type StatementFault = 'malformed' | 'other-text' | 'unsigned' | 'invalid-signature'

/**
 * Whether `note` is exactly this text, signed by every one of these keys (verifier keys as C2SP has
 * them); why not, if it is not.
 */
export function faultOfStatement(
  note: string,
  { text, vkeys }: { text: string; vkeys: readonly string[] },
): StatementFault | undefined {
  try {
    const verifiers = vkeys.map(parseVkey)
    const opened = openNote(note, verifiers)
    if (opened.text !== text) return 'other-text'
    return verifiers.every((verifier) => signedBy(opened.signatures, verifier))
      ? undefined
      : 'unsigned'
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    return error.fault === 'unverified' ? 'unsigned' : error.fault
  }
}

function signedBy(
  signatures: readonly { name: string; keyId: number }[],
  { name, keyId }: Verifier,
): boolean {
  return signatures.some((one) => one.name === name && one.keyId === keyId)
}
