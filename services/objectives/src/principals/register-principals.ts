import { readFile } from 'node:fs/promises'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import {
  principalRegistered,
  PrincipalId,
  PRINCIPALS_MAX,
  PrincipalVkey,
} from '@mumega/contracts/principals'
import { act, outgoing, readAs, unchanged } from '@mumega/db/act'
import { AppError } from '@mumega/errors'
import { logger } from '@mumega/telemetry'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { insertPrincipal, listKeys } from './principal-repository.ts'
import { publicKeyOf } from './vkey.ts'

const FirstPrincipal = Type.Object({
  principalId: PrincipalId,
  displayName: Type.String({ minLength: 1, maxLength: 200 }),
  vkey: PrincipalVkey,
})
type FirstPrincipal = Static<typeof FirstPrincipal>
const PrincipalsFile = Type.Array(FirstPrincipal, { maxItems: PRINCIPALS_MAX })

export interface Registered {
  /** Principals that are on record and never had the key that the file names. */
  readonly elsewhere: number
}

/**
 * Registers those principals that are not on record, each with its first key. This is the only way
 * to become a principal, and who installs the system has it: no caller does. A principal that is on
 * record keeps its key, whatever is said here.
 *
 * @throws config.invalid for a key that is another's, and for too many
 */
export async function registerPrincipals(
  objectives: Objectives,
  principals: readonly FirstPrincipal[],
): Promise<Registered> {
  const log = logger('objectives')
  let elsewhere = 0
  for (const first of principals) {
    if (await isKnown(objectives, first)) continue
    elsewhere += 1
    log.error({ principalId: first.principalId }, 'principal-has-another-key')
  }
  return { elsewhere }
}

/** Whether the principal is on record with this key, now or once. */
async function isKnown(
  { db, clock }: Objectives,
  { principalId, displayName, vkey }: FirstPrincipal,
): Promise<boolean> {
  const publicKey = publicKeyOf(vkey, principalId)
  const context = OBJECTIVES_CONTEXT
  await act(db, { context, clock }, async (trx) => {
    const registeredAt = clock.now()
    const principal = { principalId, displayName, publicKey, registeredAt }
    const inserted = await insertPrincipal(trx, principal)
    if (inserted === 'known') return unchanged(undefined)
    if (inserted === 'key-used') {
      throw wrongPrincipals(`gives ${principalId} a key that is, or was, another principal’s`)
    }
    if (inserted === 'full')
      throw wrongPrincipals(`has more than ${PRINCIPALS_MAX} with the others`)
    return {
      reply: undefined,
      audit: [
        {
          action: 'principal.registered',
          target: `principal:${principalId}`,
          payload: { displayName, vkey },
        },
      ],
      events: [outgoing(principalRegistered, { principal: principalId, vkey })],
    }
  })
  const keys = await readAs(db, context, (trx) => listKeys(trx, principalId))
  return keys.some((key) => key.vkey === vkey)
}

/**
 * The installation's principals; none without a file.
 *
 * @throws config.invalid naming the setting and what is wrong with its file
 */
export async function readPrincipals(path: string | undefined): Promise<FirstPrincipal[]> {
  if (path === undefined) return []
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw wrongPrincipals('cannot be read as JSON', error)
  }
  if (!Value.Check(PrincipalsFile, value)) {
    throw wrongPrincipals('is no array of { principalId, displayName, vkey }')
  }
  const ids = new Set(value.map(({ principalId }) => principalId))
  if (ids.size < value.length) throw wrongPrincipals('names a principal twice')
  for (const { principalId, vkey } of value) {
    try {
      publicKeyOf(vkey, principalId)
    } catch (error) {
      throw wrongPrincipals(`has a key for ${principalId} that is none: ${String(error)}`, error)
    }
  }
  return value
}

function wrongPrincipals(what: string, cause?: unknown): AppError {
  const message = `Wrong settings: the file of OBJECTIVES_PRINCIPALS_FILE ${what}.`
  return new AppError('config.invalid', 'invalid', message, { cause })
}
