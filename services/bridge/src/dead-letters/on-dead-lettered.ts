import { domainOf } from '@mumega/contracts/define'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { BRIDGE_CONTEXT } from '../identity.ts'
import { insertDeadLetter, type DeadLetter } from './dead-letter-repository.ts'

/**
 * Keeps a dead letter for the operators, once per id however often it is delivered. Its service is
 * the one on whose subject it came, which the permissions of the bus prove: that is where a replay
 * goes.
 */
export async function onDeadLettered(
  { db, clock }: Bridge,
  letter: DeadLetter,
  { subject }: { subject: string },
): Promise<void> {
  await act(db, { context: BRIDGE_CONTEXT, clock }, async (trx) => {
    await insertDeadLetter(trx, storable({ ...letter, service: domainOf(subject) }))
    return unchanged(undefined)
  })
}

/**
 * A reason quotes what could not be read, so it may hold what PostgreSQL cannot store; it must be
 * kept even so.
 */
function storable(letter: DeadLetter): DeadLetter {
  return {
    ...letter,
    consumer: withoutNul(letter.consumer),
    subject: withoutNul(letter.subject),
    reason: withoutNul(letter.reason),
  }
}

function withoutNul(text: string): string {
  return text.replaceAll('\u0000', '\ufffd')
}
