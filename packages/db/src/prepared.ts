import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

/** What a statement gave, as `pg` has it. */
export interface Result<Row> {
  readonly rows: Row[]
  readonly rowCount: number
}

// A connection keeps each plan until it ends: texts that are put together must not become one each.
const TEXTS_MAX = 200
const names = new Map<string, string>()

/**
 * Runs a statement that each connection parses and plans once, for those that every act pays for:
 * it takes a third of PostgreSQL's time off a message. `text` is one of the code's own, with `?`
 * for each binding, and names its columns: a plan that was kept fails where `*` means more than
 * before. Where the best plan hangs on the values, `trx.raw` plans for them.
 */
export async function prepared<Row>(
  trx: Knex,
  text: string,
  bindings: readonly Knex.RawBinding[],
): Promise<Result<Row>> {
  return trx.raw<Result<Row>>(text, bindings).options({ name: nameOf(text) })
}

function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size === TEXTS_MAX) throw new Error(`more than ${TEXTS_MAX} statements are prepared`)
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32)
  names.set(text, name)
  return name
}
