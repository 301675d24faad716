import { decodeCanonicalBase64 } from './base64.ts'
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

const STATEMENT = /^mumega\/[a-z][a-z0-9-]{0,62}\/v1\n((?:[a-z][a-zA-Z0-9]{0,62} [^\n]+\n)*)$/

/** Whether a text has the form of a statement. */
export function isStatement(text: string): boolean {
  const [, lines] = STATEMENT.exec(text) ?? []
  if (lines === undefined || Buffer.byteLength(text) > STATEMENT_BYTES_MAX) return false
  const values = lines.split('\n').slice(0, -1)
  return values.every((line) => isCanonical(line.slice(line.indexOf(' ') + 1)))
}

function isCanonical(value: string): boolean {
  try {
    return canonicalJson(JSON.parse(value)) === value
  } catch {
    return false // Not JSON, or not exactly.
  }
}

/** Why a signed statement does not count. */
export type StatementFault = 'malformed' | 'other-text' | 'unsigned' | 'invalid-signature'

/**
 * Whether `note` is exactly this text, signed by every one of these keys (verifier keys as C2SP has
 * them) and by nobody else; why not, if it is not. So one statement has one note.
 */
export function faultOfStatement(
  note: string,
  { text, vkeys }: { text: string; vkeys: readonly string[] },
): StatementFault | undefined {
  try {
    const verifiers = vkeys.map(parseVkey)
    const opened = openNote(note, verifiers)
    if (opened.text !== text) return 'other-text'
    if (!verifiers.every((verifier) => signedBy(opened.signatures, verifier))) return 'unsigned'
    const lines = note.slice(text.length + 1, -1).split('\n')
    return lines.length === verifiers.length && lines.every(isExact) ? undefined : 'malformed'
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    return error.fault === 'unverified' ? 'unsigned' : error.fault
  }
}

/** Base64 of 68 bytes leaves two bits that nothing is read from: the same line in four texts. */
function isExact(signatureLine: string): boolean {
  return (
    decodeCanonicalBase64(signatureLine.slice(signatureLine.lastIndexOf(' ') + 1)) !== undefined
  )
}

function signedBy(
  signatures: readonly { name: string; keyId: number }[],
  { name, keyId }: Verifier,
): boolean {
  return signatures.some((one) => one.name === name && one.keyId === keyId)
}
