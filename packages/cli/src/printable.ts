// Control, format (among them the marks that turn the direction of a line) and private characters,
// line and paragraph separators, lone surrogates.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu

/**
 * Text from a file or a server, fit for a terminal: whatever could move the cursor, change colours
 * or forge a line is shown as its code point instead.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}
