import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder, seen from this package's `dist/src`. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))

/** The folder of a service. */
export function serviceDir(service: string): string {
  return join(ROOT, 'services', service)
}

/** The folder of a service's SQL migrations. */
export function migrationsDirOf(service: string): string {
  return join(serviceDir(service), 'migrations')
}
