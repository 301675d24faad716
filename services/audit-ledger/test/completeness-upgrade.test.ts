import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { migrate } from '@mumega/db/migrate'
import { eventually } from '@mumega/testkit'
import {
  givenWatched,
  numbered,
  PAST,
  sealInTurn,
  untilOpen,
  type WatchedLedger,
} from './given-completeness.ts'
import { anIntent, publishIntents } from './given.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')

let watched: WatchedLedger

afterEach(() => watched.ledger.stop())

test('what a former version projected without counting is counted by the next leader', async () => {
  watched = await givenWatched()
  const left = anIntent({ number: 4, phase: 'intent', time: PAST })
  await sealInTurn(watched, [...numbered(1, 2, 3), left])
  await untilOpen(watched, 1)
  await watched.ledger.rest()
  await watched.ledger.sql('delete from open_intents')
  await watched.ledger.sql(`update source_numbers set seen = '{[1,3)}' where source = 'bridge'`)
  await watched.ledger.sql(`delete from source_numbers where source = 'audit-ledger'`)
  await watched.ledger.sql('update entry_index_progress set counted_size = 2')

  await watched.ledger.run()
  await publishIntents(watched.bridge, numbered(6))

  expect((await untilOpen(watched, 2)).map(({ place }) => place)).toEqual([
    `intent bridge/${left.id} at entry 3`,
    'bridge, number 5',
  ])
})

test('a log from before is watched as if it had been all the time', async () => {
  watched = await givenWatched()
  const intent = anIntent({ number: 1, phase: 'intent', time: PAST })
  const closed = anIntent({ number: 2, phase: 'intent', time: PAST })
  await publishIntents(watched.bridge, [
    ...[intent, closed, anIntent({ number: 3, phase: 'outcome', of: closed.id })],
    ...numbered(5, 6, 7),
  ])
  await untilOpen(watched, 2)
  await watched.ledger.rest()
  const counted = async () => [
    await watched.ledger.sql(`select seen, given_up from source_numbers where source = 'bridge'`),
    await watched.ledger.sql('select * from open_intents'),
  ]
  const projected = await counted()
  expect(projected).toMatchObject([[{ seen: '{[1,4),[5,8)}' }], [{ id: intent.id }]])
  await watched.ledger.sql('drop table source_numbers, open_intents')
  await watched.ledger.sql('alter table entry_index_progress drop column counted_size')
  await watched.ledger.sql('drop index entry_index_closes')
  await watched.ledger.sql(`delete from schema_migrations where name ~ '^00(63|69)'`)

  await migrate(watched.ledger.adminUrl, [{ service: 'audit-ledger', migrationsDir: MIGRATIONS }])

  expect(await counted()).toEqual(projected)
})

test('which intents are open is told anew from the index, while nothing is projected beside it', async () => {
  watched = await givenWatched()
  const left = anIntent({ number: 1, phase: 'intent', time: PAST })
  const closed = anIntent({ number: 2, phase: 'intent', time: PAST })
  const closing = anIntent({ number: 3, phase: 'intent', time: PAST })
  const outcome = anIntent({ number: 4, phase: 'outcome', of: closed.id })
  const other = anIntent({ number: 5 })
  await publishIntents(watched.bridge, [left, closed, closing, outcome, other])
  await untilOpen(watched, 2)
  await watched.ledger.rest()
  const { sql } = watched.ledger
  const openIds = async () =>
    (await sql<{ id: string }>('select id from open_intents order by log_index')).map(
      ({ id }) => id,
    )
  await sql(
    `insert into open_intents select id, source, chain, log_index, occurred_at
       from entry_index where id = $1`,
    [closed.id],
  )
  await sql('delete from open_intents where id = $1', [left.id])
  await sql(`delete from schema_migrations where name like '0066%'`)

  const projection = await watched.ledger.pool().transaction()
  await projection.raw(`select set_config('mumega.tenant_id', 'substrate', true)`)
  await projection.raw('update entry_index_progress set indexed_size = indexed_size')
  const migrated = migrate(watched.ledger.adminUrl, [
    { service: 'audit-ledger', migrationsDir: MIGRATIONS },
  ])
  const waiting = `select from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'`
  await eventually(async () => (await sql(waiting)).length > 0, { what: 'the migration to wait' })
  await projection.raw('update entry_index set closes = ? where id = ?', [closing.id, other.id])
  await projection.raw('delete from open_intents where id = ?', [closing.id])
  await projection.commit()
  await migrated

  expect(await openIds()).toEqual([left.id])
})
