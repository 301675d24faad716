import type { getPrincipal, listPrincipals } from '@mumega/contracts/principals'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { readAs } from '@mumega/db/act'
import { principalNotFound } from '../errors.ts'
import { OBJECTIVES_CONTEXT } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { findPrincipal, listKeys, listPrincipals as list } from './principal-repository.ts'

/** Principals are everybody's to know: who checks a signature needs their keys. */
export async function handleListPrincipals({
  db,
}: Objectives): Promise<ReplyOf<typeof listPrincipals>> {
  return { principals: await readAs(db, OBJECTIVES_CONTEXT, list) }
}

/** @throws objectives.principal-not-found */
export async function handleGetPrincipal(
  { db }: Objectives,
  { principalId }: RequestOf<typeof getPrincipal>,
): Promise<ReplyOf<typeof getPrincipal>> {
  return readAs(db, OBJECTIVES_CONTEXT, async (trx) => {
    const principal = await findPrincipal(trx, principalId)
    if (principal === undefined) throw principalNotFound(principalId)
    return { principal, keys: await listKeys(trx, principalId) }
  })
}
