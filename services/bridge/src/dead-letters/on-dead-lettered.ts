import { domainOf } from '@mumega/contracts/define'
import { act, unchanged } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { BRIDGE_CONTEXT } from '../identity.ts'
import { insertDeadLetter, type DeadLetter } from './dead-letter-repository.ts'

/** Keeps a dead letter for the operators, once per id however often it is delivered. */
export async function onDeadLettered(
  { db, clock }: Bridge,
  letter: DeadLetter,
  { subject }: { subject: string },
): Promise<void> {
  // Only the subject is proved, by the permissions of the bus; a replay goes to the service that the letter names.
  if (domainOf(subject) !== letter.service) {
    throw new Error(`${subject} brought a dead letter in the name of ${letter.service}`)
  }
  await act(db, { context: BRIDGE_CONTEXT, clock }, async (trx) => {
    await insertDeadLetter(trx, storable(letter))
    return unchanged(undefined)
  })
}

/** A reason quotes what could not be read, so it may hold what PostgreSQL cannot store; it must be kept even so. */
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
