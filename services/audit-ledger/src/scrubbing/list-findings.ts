import type { listFindings } from '@mumega/contracts/audit-ledger'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { listFindings as readFindings } from './finding-repository.ts'

/**
 * Answers the operators with the newest findings. A finding is the whole log's, so that a tenant
 * sees none.
 */
export async function handleListFindings(
  db: Knex,
  { limit }: RequestOf<typeof listFindings>,
  context: CallContext,
): Promise<ReplyOf<typeof listFindings>> {
  if (context.tenantId !== SUBSTRATE) return { findings: [] }
  const findings = await readAs(db, context, (trx) => readFindings(trx, { limit }))
  return {
    findings: findings.map(({ occurredAt, clearedAt, ...finding }) => ({
      ...finding,
      occurredAt: occurredAt.toISOString(),
      ...(clearedAt !== undefined && { clearedAt: clearedAt.toISOString() }),
    })),
  }
}
