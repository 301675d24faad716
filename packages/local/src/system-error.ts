/**
 * The code of an operating system's error, for instance `ENOENT`; undefined for anything else.
 * Recognised by its shape: where tests run in a context of their own, such an error is no `Error`
 * of it.
 */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
