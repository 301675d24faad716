import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '@mumega/errors'
import { generateVkey } from '@mumega/tlog/note'
import { generateSignerKey, parseSignerKey } from '@mumega/tlog/signer-key'
import { replaceFile } from './replace-file.ts'

/** The principals that every installation begins with. */
const FIRST_PRINCIPALS: readonly (readonly [principalId: string, displayName: string])[] = [
  ['agent.athena', 'Athena, the gate'],
  ['agent.loom', 'Loom, the coordinator'],
  ['agent.river', 'River, the witness'],
  ['agent.mizan', 'Mizan, the measure'],
  ['agent.kasra', 'Kasra, the builder'],
  ['agent.calliope', 'Calliope, the voice'],
  ['human.principal', 'The human principal'],
]

const SEED_BYTES = 32

/**
 * The file with the first principals and their public keys. On the first run a key is made for each
 * in `<folder>/<principal>.key`, which only the owner reads: whoever has it acts as the principal,
 * and no service ever does. A key that was taken to where it belongs does not come back.
 *
 * @throws local.principal-key-unreadable
 */
export function loadPrincipals(folder: string): string {
  const file = join(folder, 'principals.json')
  if (existsSync(file)) return file
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const principals = FIRST_PRINCIPALS.map(([principalId, displayName]) => {
    const { publicKey } = signerOf(join(folder, `${principalId}.key`), principalId)
    return { principalId, displayName, vkey: generateVkey(principalId, publicKey) }
  })
  // After the keys: a run that ended between them goes on with those that are there.
  replaceFile(file, `${JSON.stringify(principals, null, 2)}\n`)
  return file
}

function signerOf(path: string, principalId: string) {
  if (!existsSync(path)) {
    replaceFile(path, `${generateSignerKey(principalId, randomBytes(SEED_BYTES))}\n`)
  }
  try {
    const signer = parseSignerKey(readFileSync(path, 'utf8').trim())
    if (signer.name === principalId) return signer
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
  }
  throw new AppError(
    'local.principal-key-unreadable',
    'unavailable',
    `${path} does not hold a key of ${principalId}. Restore it, or remove it for a new one.`,
  )
}
