import type { listDrops } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { listDrops as readDrops } from './misfit-repository.ts'

/**
 * Answers the operators with the newest drops. A drop has no tenant, so that a tenant sees none.
 */
export async function handleListDrops(
  db: Knex,
  { limit }: RequestOf<typeof listDrops>,
  context: CallContext,
): Promise<ReplyOf<typeof listDrops>> {
  if (context.tenantId !== SUBSTRATE) return { drops: [] }
  const drops = await readAs(db, context, (trx) => readDrops(trx, { limit }))
  return {
    drops: drops.map(({ occurredAt, payloadHash, resolvedAt, ...drop }) => ({
      ...drop,
      occurredAt: occurredAt.toISOString(),
      payloadHash: payloadHash.toString('hex'),
      ...(resolvedAt !== undefined && { resolvedAt: resolvedAt.toISOString() }),
    })),
  }
}
