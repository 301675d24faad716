export type TextFault =
  | { readonly fault: 'too-large'; readonly actualBytes: number }
  | { readonly fault: 'unstorable'; readonly what: string }

/** Half of a surrogate pair: with the flag `u` a well-formed pair is one character. */
export const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * Why a text is too long in UTF-8, or would not come back as it was sent: PostgreSQL stores no
 * U+0000, and half a surrogate pair has no UTF-8 and would silently become U+FFFD.
 */
export function faultOfText(value: string, limitBytes: number): TextFault | undefined {
  const actualBytes = Buffer.byteLength(value, 'utf8')
  if (actualBytes > limitBytes) return { fault: 'too-large', actualBytes }
  if (value.includes('\u0000')) return { fault: 'unstorable', what: 'the character U+0000' }
  if (LONE_SURROGATE.test(value)) {
    return { fault: 'unstorable', what: 'half of a surrogate pair' }
  }
  return undefined
}

/** Everything that moves a terminal's cursor or colours it; not tabs and the ends of lines. */
const CONTROL = /[^\P{Cc}\t\n]/u

/** A letter, a digit or a sign that is seen: some of each are blanks, as U+3164 and U+2800. */
const SEEN = /(?![\p{Default_Ignorable_Code_Point}\u2800\u{1D159}\uFFFC])[\p{L}\p{N}\p{P}\p{S}]/u

/**
 * As `faultOfText`, of a text that is only read: with control characters it would do something
 * where it is shown, and as JSON be six times as long; and of one that is shown as empty nobody can
 * tell that it was said.
 */
export function faultOfPlainText(value: string, limitBytes: number): TextFault | undefined {
  const fault = faultOfText(value, limitBytes)
  if (fault !== undefined) return fault
  if (!SEEN.test(value)) return { fault: 'unstorable', what: 'nothing but blanks' }
  const [control] = CONTROL.exec(value) ?? []
  if (control === undefined) return undefined
  const code = control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return { fault: 'unstorable', what: `the control character U+${code}` }
}
