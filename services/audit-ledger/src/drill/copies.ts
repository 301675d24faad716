import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from '@mumega/db'

/** Held by a drill as long as it is on. Of these programs' own; no other part takes such a lock. */
export const DRILL_LOCK = 0x6472696c
/** Where a drill hears that a payload was erased of which its copy may have another. */
export const ERASED_CHANNEL = 'mumega_drill_erased'

/** The copies of this very database's log. */
export const LIST_COPIES = `select copy.datname
  from pg_database copy join pg_database own on own.datname = current_database()
 where starts_with(copy.datname, 'mumega_drill_' || own.oid || '_')`

const TRIES_MAX = 30
const TRY_MS = 100

/**
 * Removes the copies that drills have made of the log, so that nothing that was erased outlives in
 * one: what a killed drill has left, and that of a drill that is on, which ends when it hears of
 * it. A copy that is made from now on is of a log without what was erased before.
 *
 * @throws when there still are some: a drill is told when it has copied all, and then ends, too
 */
export async function removeCopies(db: Knex): Promise<void> {
  if ((await listCopies(db)).length === 0) return
  await db.raw(`select pg_notify(?, '')`, [ERASED_CHANNEL])
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (await removeUnused(db)) return
    await pause(TRY_MS)
  }
  throw new Error('a drill that has a copy of the log did not end in time')
}

/** False while a drill is on. */
async function removeUnused(db: Knex): Promise<boolean> {
  return db.transaction(async (trx) => {
    const answer = await trx.raw<{ rows: { is_free: boolean }[] }>(
      `select pg_try_advisory_xact_lock(${DRILL_LOCK}) as is_free`,
    )
    if (answer.rows[0]?.is_free !== true) return false
    // By another connection: no transaction can remove a database.
    for (const name of await listCopies(trx)) await db.raw('drop database if exists ??', [name])
    return true
  })
}

async function listCopies(db: Knex): Promise<string[]> {
  const answer = await db.raw<{ rows: { datname: string }[] }>(LIST_COPIES)
  return answer.rows.map(({ datname }) => datname)
}
