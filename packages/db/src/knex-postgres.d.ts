// What of knex's dialect is extended here; the package has no types for it.
declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex'
  class PostgresClient {
    constructor(config: Knex.Config)
  }
  export default PostgresClient
}

declare module 'knex/lib/dialects/postgres/execution/pg-transaction.js' {
  import type { Client } from 'pg'
  class PostgresTransaction {
    constructor(client: object, ...rest: unknown[])
    /** The client through which the transaction's queries go; set before `begin`. */
    readonly trxClient: object
    /** Sends it at once, and rejects the transaction when it fails. */
    begin(connection: Client): Promise<unknown>
  }
  export default PostgresTransaction
}
