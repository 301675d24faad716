import PostgresTransaction from 'knex/lib/dialects/postgres/execution/pg-transaction.js'
import PostgresClient from 'knex/lib/dialects/postgres/index.js'
import type { Socket } from 'node:net'
import type { Client } from 'pg'

// By the client of a transaction, which is one of its own.
const connections = new WeakMap<object, Client>()

/** The connection of the transaction whose client this is; undefined outside of one. */
export function findConnection(client: object): Client | undefined {
  return connections.get(client)
}

/**
 * What is sent until the code that runs now waits for something goes out as one packet: a write to
 * a socket costs more than most statements.
 */
export function gather(connection: Client): void {
  const { stream } = (connection as unknown as { connection: { stream: Socket } }).connection
  stream.cork()
  process.nextTick(() => {
    stream.uncork()
  })
}

class PipelinedTransaction extends PostgresTransaction {
  override begin(connection: Client): Promise<unknown> {
    connections.set(this.trxClient, connection)
    gather(connection)
    // Not waited for, so that the first statement goes with it: where it fails, so does whatever
    // comes after it, and the transaction is rejected by it.
    void super.begin(connection)
    return Promise.resolve()
  }
}

/**
 * Knex's client for PostgreSQL, whose connections must be made with `pipeline`: a transaction's
 * statements may be sent before those ahead of them were answered, and are carried out in order.
 * After one that fails the server refuses the others, and makes a rollback of the commit.
 */
export class PipelinedClient extends PostgresClient {
  transaction(...order: unknown[]): PipelinedTransaction {
    return new PipelinedTransaction(this, ...order)
  }
}
