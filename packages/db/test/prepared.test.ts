import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Knex } from '@mumega/db'
import { prepared } from '@mumega/db/prepared'
import { givenSample, type Sample } from './given.ts'

let sample: Sample

beforeAll(async () => {
  sample = await givenSample()
})
afterAll(() => sample.drop())

const TEXT = 'select ?::int + ?::int as sum'

async function keptIn(trx: Knex): Promise<string[]> {
  const found = await trx.raw<{ rows: { statement: string }[] }>(
    'select statement from pg_prepared_statements',
  )
  return found.rows.map(({ statement }) => statement)
}

test('a statement is kept once by its connection, whatever its values, and outlives its transaction', async () => {
  const kept: string[][] = []
  for (const value of [1, 2, 3]) {
    // One after the other, they have the same connection.
    const undone = sample.db.transaction(async (trx) => {
      const { rows } = await prepared<{ sum: number }>(trx, TEXT, [value, 1])
      expect(rows).toEqual([{ sum: value + 1 }])
      kept.push(await keptIn(trx))
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
  }
  expect(kept).toEqual(Array.from({ length: 3 }, () => ['select $1::int + $2::int as sum']))
})

test('a statement that is refused is no obstacle to the next of its kind', async () => {
  const text = 'select ?::int / ?::int as ratio'
  await expect(prepared(sample.db, text, [1, 0])).rejects.toMatchObject({ code: '22012' })
  expect((await prepared(sample.db, text, [6, 3])).rows).toEqual([{ ratio: 2 }])
})

test('statements of a transaction are carried out in the order in which they were sent', async () => {
  const trx = sample.db.transaction((inner) =>
    Promise.all(
      [1, 2, 3].map((value) =>
        prepared<{ was: string }>(
          inner,
          `select coalesce(current_setting('mumega.tenant_id', true), '') as was,
                  set_config('mumega.tenant_id', ?, true)`,
          [String(value)],
        ),
      ),
    ),
  )
  expect((await trx).map(({ rows }) => rows[0]?.was)).toEqual(['', '1', '2'])
})

test('after a transaction has ended nothing is sent by it, nor a value that is none', async () => {
  const kept: Knex.Transaction[] = []
  await sample.db.transaction(async (trx) => {
    kept.push(trx)
    expect(() => prepared(trx, TEXT, [1, undefined as never])).toThrow('undefined')
    await prepared(trx, TEXT, [1, 1])
  })
  for (const trx of kept) expect(() => prepared(trx, TEXT, [1, 1])).toThrow('has ended')
})

// The last one: it takes every place.
test('texts without end are a mistake of the code, which is told and not kept', async () => {
  const many = async () => {
    for (let nth = 0; nth < 1_000; nth += 1) await prepared(sample.db, `select ${nth} as n`, [])
  }
  await expect(many()).rejects.toThrow('more than 200 statements are prepared')
})
