import { keyRotated, PRINCIPAL_KEYS_MAX, type rotateKey } from '@mumega/contracts/principals'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing } from '@mumega/db/act'
import { rotationText } from '@mumega/tlog/rotation'
import { faultOfStatement } from '@mumega/tlog/statement'
import {
  keyUsed,
  principalNotFound,
  principalSuspended,
  signatureInvalid,
  tooManyKeys,
} from '../errors.ts'
import { onSubstrate } from '../identity.ts'
import type { Objectives } from '../objectives.ts'
import { findPrincipal, lockPrincipal, replaceKey } from './principal-repository.ts'
import { publicKeyOf } from './vkey.ts'

/**
 * Gives a principal another key, once per `requestId`. Whoever may call, only the principal's key
 * and the new one can want it.
 *
 * @throws objectives.principal-not-found, .principal-suspended, .invalid-key, .key-used,
 * .signature-invalid, .too-many-keys
 */
export async function handleRotateKey(
  { db, clock }: Objectives,
  context: CallContext,
  { requestId, principalId, vkey, note }: RequestOf<typeof rotateKey>,
): Promise<ReplyOf<typeof rotateKey>> {
  const publicKey = publicKeyOf(vkey, principalId)
  const { actor } = context
  const request = { requestId, command: 'rotate-key', content: { actor, principalId, vkey, note } }
  return act(db, { context: onSubstrate(context), clock, request }, async (trx) => {
    const principal = await lockPrincipal(trx, principalId)
    if (principal === undefined) throw principalNotFound(principalId)
    if (principal.status !== 'active') throw principalSuspended(principalId)
    const { key } = principal
    if (key.vkey === vkey) throw keyUsed()
    // LOCK-OBJ-1: nobody gives athena a key but athena. The new key signs too, so that no key is
    // put on record that somebody else holds.
    const expected = rotationText({ principalId, from: key.vkey, to: vkey })
    const fault = faultOfStatement(note, { text: expected, vkeys: [key.vkey, vkey] })
    if (fault !== undefined) throw signatureInvalid(fault, { field: 'note', expected })
    const number = key.number + 1
    if (number > PRINCIPAL_KEYS_MAX) throw tooManyKeys(principalId)
    const replaced = { principalId, number, publicKey, rotation: note, at: clock.now() }
    if (!(await replaceKey(trx, replaced))) throw keyUsed()
    const changed = await findPrincipal(trx, principalId)
    if (changed === undefined) throw new Error('a principal is gone that was locked')
    return {
      reply: changed,
      audit: [
        {
          action: 'principal.key-rotated',
          target: `principal:${principalId}`,
          // Who brought it; those whose act it is have signed.
          payload: { number, from: key.vkey, to: vkey, note, broughtFrom: context.tenantId },
        },
      ],
      events: [outgoing(keyRotated, { principal: principalId, vkey })],
    }
  })
}
