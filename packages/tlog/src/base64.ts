const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The bytes of standard base64 with padding (RFC 4648, 4), or undefined. Like Go's StdEncoding it
 * does not mind set bits after the last byte.
 */
export function decodeBase64(text: string): Buffer | undefined {
  return text.length % 4 === 0 && STANDARD.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** As `decodeBase64`, but only the one text that encodes these bytes is taken. */
export function decodeCanonicalBase64(text: string): Buffer | undefined {
  const bytes = decodeBase64(text)
  return bytes?.toString('base64') === text ? bytes : undefined
}
