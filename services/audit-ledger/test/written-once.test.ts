import { afterEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import { eventually } from '@mumega/testkit'
import { anIntent, givenLedger, publishIntents, type TestLedger } from './given.ts'

let ledger: TestLedger

afterEach(() => ledger.stop())

test.each([
  'event_batches',
  'event_keys',
  'checkpoints',
  'subtrees',
  'audit_chain_anchors',
  'checkpoint_cosignatures',
  'witness_refusals',
  'checkpoint_timestamps',
])(
  'LOCK-MON-5: rows of %s can be changed, removed or truncated by nobody, not even their owner',
  async (table) => {
    ledger = await givenLedger()
    const bridge = await ledger.bus('bridge')
    for (let pack = 0; pack < 4; pack += 1) {
      await publishIntents(
        bridge,
        Array.from({ length: 64 }, () => anIntent()),
      )
    }
    await eventually(async () => (await ledger.sql('select from audit_chain_anchors')).length > 0, {
      what: 'the first anchor',
    })
    await ledger.sql("set session_replication_role = 'replica'")

    const column = table === 'subtrees' ? 'hash' : table === 'event_keys' ? 'chain' : undefined
    const [sample] = await ledger.sql<{ name: string }>(
      `select column_name as name from information_schema.columns
        where table_schema = 'audit_ledger' and table_name = $1 limit 1`,
      [table],
    )
    const name = column ?? sample?.name ?? ''
    for (const statement of [
      `update ${table} set ${name} = ${name}`,
      `delete from ${table}`,
      `truncate ${table} cascade`,
    ]) {
      await expect(ledger.sql(statement)).rejects.toMatchObject({ code: 'MU010' })
    }
    const service = new Client({ connectionString: ledger.config.DATABASE_URL })
    await service.connect()
    await expect(service.query(`delete from ${table}`)).rejects.toMatchObject({ code: '42501' })
    await service.end()
  },
)
