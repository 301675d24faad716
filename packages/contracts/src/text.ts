export type TextFault =
  | { readonly fault: 'too-large'; readonly actualBytes: number }
  | { readonly fault: 'unstorable'; readonly what: string }

// With the flag `u` a well-formed pair is one character, so this finds only halves.
const LONE_SURROGATE = /\p{Surrogate}/u

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
