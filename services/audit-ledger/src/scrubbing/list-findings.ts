import type { listFindings } from '@mumega/contracts/audit-findings'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { cutTo, pageOf } from '../newest-first.ts'
import { listFindings as readFindings } from './finding-repository.ts'

/**
 * Answers the operators with the newest findings. A finding is the whole log's, so that a tenant
 * sees none.
 *
 * @throws audit-ledger.invalid-cursor
 */
export async function handleListFindings(
  db: Knex,
  request: RequestOf<typeof listFindings>,
  context: CallContext,
): Promise<ReplyOf<typeof listFindings>> {
  if (context.tenantId !== SUBSTRATE) return { findings: [] }
  const page = pageOf(request)
  const found = await readAs(db, context, (trx) => readFindings(trx, page))
  const { rows, ...next } = cutTo(found, page.limit, ({ occurredAt, findingId }) => ({
    at: occurredAt,
    id: findingId,
  }))
  return {
    findings: rows.map(({ occurredAt, clearedAt, ...finding }) => ({
      ...finding,
      occurredAt: occurredAt.toISOString(),
      ...(clearedAt !== undefined && { clearedAt: clearedAt.toISOString() }),
    })),
    ...next,
  }
}
