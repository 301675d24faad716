import type { Knex } from 'knex'

// Of a transaction, and known by its name in the whole database: what it guards need not be a row.
const KEY = 'hashtextextended(?, 0)'

/** Waits until nobody else has the lock of this name, and keeps it until `trx` ends. */
export async function takeLock(trx: Knex.Transaction, name: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(${KEY})`, [name])
}

/** As `takeLock`, together with all who share it: who takes it waits for them, and they for it. */
export async function shareLock(trx: Knex.Transaction, name: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock_shared(${KEY})`, [name])
}
