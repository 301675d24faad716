import type { Knex } from 'knex'

export interface Counting {
  readonly tenantId: string
  readonly limit: number
  /** Only rows with these values. */
  readonly where?: Readonly<Record<string, string>>
}

/** How many rows of the table a tenant has; `limit` where it has as many or more. */
export async function countRows(
  trx: Knex.Transaction,
  table: string,
  { tenantId, limit, where = {} }: Counting,
): Promise<number> {
  const rows = trx(table)
    .where({ tenant_id: tenantId, ...where })
    .limit(limit)
    .select('tenant_id')
  const [row]: { count?: string | number }[] = await trx
    .from(rows.as('counted'))
    .count({ count: '*' })
  return Number(row?.count)
}
