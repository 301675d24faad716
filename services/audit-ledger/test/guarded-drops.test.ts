import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  publishIntents,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { redact } from './given-redactions.ts'

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

/** The code by which the database refuses what the service itself asks for. */
async function refusalOf(sql: string): Promise<string | undefined> {
  const client = new Client({ connectionString: ledger.config.DATABASE_URL })
  await client.connect()
  try {
    await client.query(
      `select set_config('mumega.audited', 'on', false),
              set_config('mumega.tenant_id', 'substrate', false)`,
    )
    await client.query(sql)
    return undefined
  } catch (error) {
    return (error as { code?: string }).code
  } finally {
    await client.end()
  }
}

const DROPS = 'audit_ledger.audit_chain_drops'
const RESOLVED = `update ${DROPS} set resolved_at = now(), resolved_index`

/** Two drops, whose events are one in the log before them, and one not at all. */
async function givenOpenDrops(): Promise<void> {
  const [sealed, other] = [anIntent(), anIntent()]
  await publishIntents(bridge, [sealed])
  await untilSealed(ledger, 1)
  await publishIntents(bridge, [{ ...sealed, action: 1 }, { ...other, action: 1 }, anIntent()])
  await untilSealed(ledger, 2)
  await untilDropped(bridge, 2)
}

test.each([
  `${RESOLVED} = 0`,
  `${RESOLVED} = 1`,
  `${RESOLVED} = 9`,
  `update ${DROPS} set attempts = attempts - 1`,
  `insert into ${DROPS} (drop_id, source, reason, attempts, payload_hash, occurred_at,
          resolved_at, resolved_index)
   values (gen_random_uuid(), 'bridge', 'none', 1, sha256(''), now(), now(), 0)`,
])('LOCK-MON-6: the service cannot hide a drop: %s', async (sql) => {
  await givenOpenDrops()
  await ledger.sql('update audit_chain_drops set attempts = 2')

  expect(await refusalOf(sql)).toBe('MU010')
})

test.each([
  `source = 'gateway'`,
  'id = null',
  `reason = 'nothing'`,
  'payload_hash = sha256(payload_hash)',
  `occurred_at = occurred_at - interval '1 year'`,
  'log_size = 0',
])('LOCK-MON-6: nobody changes what a drop says: %s', async (change) => {
  await givenOpenDrops()

  const changed = ledger.sql(`update audit_chain_drops set ${change}`)

  await expect(changed).rejects.toMatchObject({ code: 'MU010' })
})

test('LOCK-MON-6: a resolved drop stays so, and its erasure takes the hash alone', async () => {
  const good = anIntent()
  await publishIntents(bridge, [{ ...good, action: 1 }])
  const [before] = await untilDropped(bridge, 1)
  await publishIntents(bridge, [good])
  const resolved = await eventually(
    async () => {
      const [drop] = await untilDropped(bridge, 1)
      return drop?.resolvedIndex === 0 && drop
    },
    { what: 'the drop to be resolved' },
  )

  expect(await refusalOf(`update ${DROPS} set resolved_at = null, resolved_index = null`)).toBe(
    'MU010',
  )
  expect(await refusalOf(`${RESOLVED} = 0`)).toBe('MU010')
  await redact(bridge, good.id)

  const [after] = await untilDropped(bridge, 1)
  expect(after).toEqual({ ...resolved, payloadHash: expect.any(String) })
  expect(after?.payloadHash).not.toBe(before?.payloadHash)
})
