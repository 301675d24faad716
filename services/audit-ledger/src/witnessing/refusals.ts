import type { Clock } from '@mumega/config/clock'
import { witnessRefused } from '@mumega/contracts/audit-findings'
import { SUBSTRATE } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged } from '@mumega/db/act'
import { insertRefusal, type Refusal, type WitnessKey } from './cosignature-repository.ts'

const CONTEXT = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:audit-ledger', kind: 'service' },
} as const

/**
 * Puts a refusal on record: a row, an entry of the log itself and an event, once for as long as a
 * witness refuses the same step.
 */
export async function recordRefusal(
  { db, clock }: { db: Knex; clock: Clock },
  witness: WitnessKey,
  refusal: Refusal,
): Promise<void> {
  const payload = { witness: witness.name, ...refusal }
  await act(db, { context: CONTEXT, clock }, async (trx) => {
    const isNew = await insertRefusal(trx, witness, { ...refusal, occurredAt: clock.now() })
    if (!isNew) return unchanged(undefined)
    return {
      reply: undefined,
      audit: [
        {
          chain: SUBSTRATE,
          action: 'witness.refused',
          target: `checkpoint:${refusal.size}`,
          payload: { ...payload, keyId: witness.keyId },
        },
      ],
      events: [outgoing(witnessRefused, payload)],
    }
  })
}
