import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { checkSignature, PrincipalKey } from '@mumega/contracts/principals'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { faultOfStatement } from '@mumega/tlog/statement'
import { principalNotFound, principalSuspended, signatureInvalid } from '../errors.ts'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { holdPrincipal } from './principal-repository.ts'

/** @throws objectives.principal-not-found, .principal-suspended, .signature-invalid */
export async function handleCheckSignature(
  { db }: Objectives,
  said: RequestOf<typeof checkSignature>,
): Promise<ReplyOf<typeof checkSignature>> {
  const { number } = await readAs(db, OBJECTIVES_CONTEXT, (trx) => signingKeyOf(trx, said))
  return { keyNumber: number }
}

/**
 * The key by which a principal has signed exactly this text. It is the one that counts, until `trx`
 * ends. LOCK-OBJ-1: nothing else stands in for it.
 *
 * @throws objectives.principal-not-found, .principal-suspended, .signature-invalid
 */
export async function signingKeyOf(
  trx: Knex.Transaction,
  { principalId, text, note }: RequestOf<typeof checkSignature>,
): Promise<PrincipalKey> {
  const principal = await holdPrincipal(trx, principalId)
  if (principal === undefined) throw principalNotFound(principalId)
  if (principal.status !== 'active') throw principalSuspended(principalId)
  const fault = faultOfStatement(note, { text, vkeys: [principal.key.vkey] })
  if (fault !== undefined) throw signatureInvalid(fault, { field: 'note', expected: text })
  return principal.key
}
