import { fileURLToPath } from 'node:url'

/** The repository's root folder, seen from this package's `dist/src`. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
