const NAME_CODE_POINTS_MAX = 200
const HALF_PAIR = /[\ud800-\udfff]/u

/**
 * Whether a tenant may have this name. A schema counts what a reader sees; the table code points.
 */
export function isTenantName(name: string): boolean {
  const length = [...name].length
  if (length < 1 || length > NAME_CODE_POINTS_MAX) return false
  // U+0000 cannot be stored, and half a surrogate pair is no character.
  return !name.includes('\0') && !HALF_PAIR.test(name)
}
