import type { listDrops } from '@mumega/contracts/audit-findings'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { cutTo, pageOf } from '../newest-first.ts'
import { listDrops as readDrops } from './misfit-repository.ts'

/**
 * Answers the operators with the newest drops. A drop has no tenant, so that a tenant sees none.
 *
 * @throws audit-ledger.invalid-cursor
 */
export async function handleListDrops(
  db: Knex,
  request: RequestOf<typeof listDrops>,
  context: CallContext,
): Promise<ReplyOf<typeof listDrops>> {
  if (context.tenantId !== SUBSTRATE) return { drops: [] }
  const page = pageOf(request)
  const found = await readAs(db, context, (trx) => readDrops(trx, page))
  const { rows, ...next } = cutTo(found, page.limit, ({ occurredAt, dropId }) => ({
    at: occurredAt,
    id: dropId,
  }))
  return {
    drops: rows.map(({ occurredAt, payloadHash, resolvedAt, ...drop }) => ({
      ...drop,
      occurredAt: occurredAt.toISOString(),
      payloadHash: payloadHash.toString('hex'),
      ...(resolvedAt !== undefined && { resolvedAt: resolvedAt.toISOString() }),
    })),
    ...next,
  }
}
