import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { findConnection, gather } from './pipelining.ts'

/** What a statement gave, as `pg` has it. */
export interface Result<Row> {
  readonly rows: Row[]
  readonly rowCount: number
}

interface Statement {
  readonly name: string
  /** As the server takes it. */
  readonly text: string
}

// A connection keeps each plan until it ends: texts that are put together must not become one each.
const TEXTS_MAX = 200
const statements = new Map<string, Statement>()

/**
 * Runs a statement that each connection parses and plans once, for those that every act pays for:
 * it takes a third of PostgreSQL's time off a message. In a transaction it is sent before this
 * returns, behind what was sent before, whose answers need not have come: several that do not need
 * each other's rows go out together. `text` is one of the code's own, with `?` for each binding,
 * and names its columns: a plan that was kept fails where `*` means more than before. Where the
 * best plan hangs on the values, `trx.raw` plans for them.
 */
export function prepared<Row>(
  trx: Knex,
  text: string,
  bindings: readonly Knex.RawBinding[],
): Promise<Result<Row>> {
  const statement = statementOf(trx, text, bindings)
  const connection = findConnection(trx.client as object)
  if (connection === undefined) {
    return resultOf(trx.raw<Result<Row>>(text, bindings).options({ name: statement.name }))
  }
  if ((trx as Knex.Transaction).isCompleted()) throw new Error('the transaction has ended')
  if (bindings.includes(undefined as never)) throw new Error('a binding is undefined')
  gather(connection)
  return resultOf(connection.query({ ...statement, values: [...bindings] }))
}

async function resultOf<Row>(sent: PromiseLike<unknown>): Promise<Result<Row>> {
  return (await sent) as Result<Row>
}

function statementOf(trx: Knex, text: string, bindings: readonly Knex.RawBinding[]): Statement {
  const known = statements.get(text)
  if (known !== undefined) return known
  if (statements.size === TEXTS_MAX)
    throw new Error(`more than ${TEXTS_MAX} statements are prepared`)
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32)
  const statement = { name, text: trx.raw(text, bindings).toSQL().toNative().sql }
  statements.set(text, statement)
  return statement
}
