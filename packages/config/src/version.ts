import { readFileSync } from 'node:fs'

/** The version that a package's own `package.json` names. Throws where it names none. */
export function versionOf(packageFile: URL): string {
  const found: unknown = JSON.parse(readFileSync(packageFile, 'utf8'))
  if (typeof found === 'object' && found !== null && 'version' in found) {
    return String(found.version)
  }
  throw new Error(`${packageFile.href} names no version`)
}
