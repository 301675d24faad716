import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { redactPayload } from '@mumega/contracts/audit-ledger'
import type { CallContext } from '@mumega/contracts/scalars'
import { eventually } from '@mumega/testkit'
import { anIntent, publishIntents, sealedKeys, untilSealed, type TestLedger } from './given.ts'

export const ACME: CallContext = {
  tenantId: 'acme',
  actor: { id: 'operator:dpo', kind: 'human' },
}
export const WHY = { reason: 'The person asked for it.', legalBasis: 'GDPR Art. 17(1)(b)' }

/** A batch of its own, in one commit, so that neighbours share its row. */
export async function givenSealedBatch(
  ledger: TestLedger,
  bridge: Bus,
  count: number,
): Promise<AuditIntent[]> {
  const before = (await sealedKeys(ledger)).length
  const intents = Array.from({ length: count }, (_, nth) =>
    anIntent({ payload: { text: `secret ${nth} of ${uuidv7()}` } }),
  )
  await publishIntents(bridge, intents)
  await untilSealed(ledger, before + count)
  return intents
}

/** Erases the payload of an event of the bridge's; `fields` of the request may be others. */
export function redact(
  bus: Bus,
  id: string,
  { context = ACME, ...fields }: { context?: CallContext } & Record<string, unknown> = {},
) {
  const request = { requestId: uuidv7(), source: 'bridge', id, ...WHY, ...fields }
  return bus.request(redactPayload, request, { context })
}

/** Until so many sessions wait for a lock. */
export async function untilBlocked(ledger: TestLedger, count: number): Promise<void> {
  const waiting = `select from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'`
  await eventually(async () => (await ledger.sql(waiting)).length >= count, {
    what: `${count} sessions to wait`,
  })
}
