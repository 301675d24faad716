import type { Client } from 'pg'
import { eventually } from '@mumega/testkit'

const REST_MS_MAX = 300_000

/** Until everything that was sealed is signed and can be searched. */
export async function untilRest(admin: Client): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await admin.query<{ rests: boolean }>(
        `select head.size = indexed_size
                and head.size = (select max(size) from audit_ledger.checkpoints) as rests
           from audit_ledger.log_head head, audit_ledger.entry_index_progress`,
      )
      return rows[0]?.rests
    },
    { what: 'the ledger rests', timeoutMs: REST_MS_MAX },
  )
}
