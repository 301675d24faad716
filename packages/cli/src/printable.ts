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

/**
 * The value as JSON of several lines, in which whatever is not printable is escaped as JSON has it:
 * it reads as it was, and does nothing to the terminal that it is shown on.
 */
export function printableJson(value: unknown): string {
  const lines = JSON.stringify(value, null, 2).split('\n')
  return `${lines.map((line) => line.replaceAll(UNPRINTABLE, escaped)).join('\n')}\n`
}

/** Each half of a pair by itself: JSON has no other way. */
function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, nth) => character.charCodeAt(nth))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
