import { hash } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { migrate } from '@mumega/db/migrate'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  publishIntents,
  receiptOf,
  untilDropped,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { givenSealedBatch, redact, untilBlocked } from './given-redactions.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')
const TOO_LARGE = { text: 'x'.repeat(65_536) }
const ERASED = Buffer.alloc(32)

let ledger: TestLedger
let bridge: Bus

beforeEach(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterEach(() => ledger.stop())

/** Over the contents that came under one id: what was sealed, and what was refused, twice. */
interface Hashes {
  readonly intent: Buffer
  readonly sealed: Buffer
  readonly refused: Buffer
  readonly dropped: Buffer
  /** With which the entry of the conflict commits to both. */
  readonly salt: Buffer
}

/** One row, when there is one conflict and one drop. */
async function hashesOf(id: string): Promise<Hashes[]> {
  return ledger.sql<Hashes>(
    `select key.intent_hash as intent, conflict.sealed_hash as sealed,
            conflict.refused_hash as refused, dropped.payload_hash as dropped, conflict.salt
       from event_keys key
       join audit_chain_conflicts conflict using (source, id)
       join audit_chain_drops dropped using (source, id)
      where id = $1`,
    [id],
  )
}

interface Refused {
  readonly id: string
  readonly hashes: Hashes
}

/** Sealed events, each with other content on record that was refused, and with one too large. */
async function givenRefused(): Promise<[Refused, Refused]> {
  const intents = await givenSealedBatch(ledger, bridge, 2)
  const [first, second] = await Promise.all(intents.map(refuseMore))
  if (first === undefined || second === undefined) throw new Error('two were sealed')
  return [first, second]
}

async function refuseMore(intent: AuditIntent): Promise<Refused> {
  const { id } = intent
  const others = [{ text: 'another' }, TOO_LARGE].map((payload) => ({ ...intent, payload }))
  await publishIntents(bridge, others)
  const what = 'the conflict and the drop'
  const hashes = await eventually(async () => (await hashesOf(id))[0], { what })
  const target = `entry:bridge/${id}`
  await eventually(
    async () =>
      (await ledger.sql('select from entry_index where target = $1', [target])).length > 0,
    { what: 'the entry of the conflict' },
  )
  return { id, hashes }
}

/** What the rows hold that were written under an event's id. */
async function everyHashStored(): Promise<string> {
  const [row] = await ledger.sql<{ dump: string }>(
    `select (select string_agg(key::text, '') from event_keys key)
         || (select string_agg(conflict::text, '') from audit_chain_conflicts conflict)
         || (select string_agg(dropped::text, '') from audit_chain_drops dropped)
         || (select string_agg(convert_from(payloads, 'UTF8'), '') from payload_batches) as dump`,
  )
  return row?.dump ?? ''
}

async function expectErased({ id, hashes }: Refused): Promise<void> {
  const [kept, ...others] = await hashesOf(id)
  expect(others).toEqual([])
  expect(kept).toMatchObject({ intent: ERASED, sealed: ERASED, salt: null })
  const stored = await everyHashStored()
  const { intent, sealed, refused, dropped, salt } = hashes
  for (const secret of [intent, sealed, refused, dropped, salt]) {
    expect(stored).not.toContain(secret.toString('hex'))
  }
}

test('an erasure leaves no hash by which a short payload is found by trying', async () => {
  const [erased, neighbour] = await givenRefused()

  await redact(bridge, erased.id)

  await expectErased(erased)
  expect(await hashesOf(neighbour.id)).toEqual([neighbour.hashes])
})

/** Brings the schema to what it was before erasures took hashes along, and these hashes back. */
async function restoreHashes({ id, hashes }: Refused): Promise<void> {
  const bytes = (hash: Buffer) => `'\\x${hash.toString('hex')}'`
  await ledger.sql(
    `drop trigger never_removed on event_keys;
     drop trigger erased_with_redaction on event_keys;
     drop trigger never_removed on audit_chain_conflicts;
     drop trigger erased_with_redaction on audit_chain_conflicts;
     drop function erase_hashes, refuse_unerased_key, refuse_unerased_conflict`,
  )
  await ledger.sql(
    `select set_config('mumega.audited', 'on', true);
     update event_keys set intent_hash = ${bytes(hashes.intent)} where id = '${id}';
     update audit_chain_conflicts set sealed_hash = ${bytes(hashes.sealed)},
            refused_hash = ${bytes(hashes.refused)} where id = '${id}';
     update audit_chain_drops set payload_hash = ${bytes(hashes.dropped)} where id = '${id}'`,
  )
  await ledger.sql(
    `select write_once('event_keys');
     select write_once('audit_chain_conflicts');
     delete from schema_migrations where name like '0068%'`,
  )
}

test('the hashes that an erasure left before it took them along go with the update', async () => {
  const [erased, neighbour] = await givenRefused()
  await redact(bridge, erased.id)
  await ledger.rest()
  await restoreHashes(erased)
  expect(await hashesOf(erased.id)).toEqual([{ ...erased.hashes, salt: null }])

  await migrate(ledger.adminUrl, [{ service: 'audit-ledger', migrationsDir: MIGRATIONS }])

  await expectErased(erased)
  expect(await hashesOf(neighbour.id)).toEqual([neighbour.hashes])
})

test.each([
  'intent_hash = sha256(intent_hash)',
  `intent_hash = decode(repeat('00', 32), 'hex'), number = number + 1`,
])('nobody changes a key by an erasure that it has not: %s', async (change) => {
  const [kept, erased] = await givenSealedBatch(ledger, bridge, 2)
  await redact(bridge, erased?.id ?? '')

  for (const id of [kept?.id, erased?.id]) {
    const changed = ledger.sql(`update event_keys set ${change} where id = $1`, [id])
    await expect(changed).rejects.toMatchObject({ code: 'MU010' })
  }
})

interface Held {
  release(): Promise<void>
}

/** Keeps everybody from writing to a table until it is released. */
async function holdTable(table: string): Promise<Held> {
  const holder = new Client({ connectionString: ledger.adminUrl })
  await holder.connect()
  await holder.query(`begin; lock table audit_ledger.${table} in share row exclusive mode`)
  return { release: () => holder.end() }
}

/** Keeps everybody from putting the same drop on record until it is released. */
async function holdDrop(id: string, payloadHash: string): Promise<Held> {
  const holder = new Client({ connectionString: ledger.adminUrl })
  await holder.connect()
  await holder.query('begin')
  await holder.query(
    `insert into audit_ledger.audit_chain_drops
            (drop_id, source, id, reason, attempts, payload_hash, occurred_at)
     values (gen_random_uuid(), 'bridge', $1, 'held', 1, decode($2, 'hex'), now())`,
    [id, payloadHash],
  )
  return { release: () => holder.end() }
}

const conflictsOf = (id: string) =>
  ledger.sql<{ sealed: Buffer; salt: Buffer | null }>(
    'select sealed_hash as sealed, salt from audit_chain_conflicts where id = $1',
    [id],
  )

test('an erasure that comes while a conflict is put on record takes its hashes, too', async () => {
  const [sealed] = await givenSealedBatch(ledger, bridge, 1)
  const id = sealed?.id ?? ''
  const held = await holdTable('audit_chain_conflicts')
  await publishIntents(bridge, [{ ...sealed, payload: { text: 'another' } }])
  await untilBlocked(ledger, 1)
  const erasing = redact(bridge, id)
  await untilBlocked(ledger, 2)

  await held.release()
  await erasing

  expect(await conflictsOf(id)).toEqual([{ sealed: ERASED, salt: null }])
})

test('a conflict that is put on record while its event is erased leaves nothing', async () => {
  const [sealed, next] = await givenSealedBatch(ledger, bridge, 2)
  const id = sealed?.id ?? ''
  const held = await holdTable('audit_chain_conflicts')
  const erasing = redact(bridge, id)
  await untilBlocked(ledger, 1)
  await publishIntents(bridge, [{ ...sealed, payload: { text: 'another' } }])
  await untilBlocked(ledger, 2)

  await held.release()
  await erasing
  await publishIntents(bridge, [{ ...next, payload: { text: 'another' } }])
  await eventually(async () => (await conflictsOf(next?.id ?? '')).length > 0, {
    what: 'the conflict of another event',
  })

  expect(await conflictsOf(id)).toEqual([])
})

test('an erasure takes the hash of what is put on record while its event is sealed', async () => {
  const good = anIntent({ payload: { pin: '1234' } })
  const bad = { ...good, time: 'yesterday' }
  const payloadHash = hash('sha256', JSON.stringify(bad), 'hex')
  const held = await holdDrop(good.id, payloadHash)
  await publishIntents(bridge, [bad])
  await untilBlocked(ledger, 1)
  await publishIntents(bridge, [good])
  await untilSealed(ledger, 1)
  const erasing = redact(bridge, good.id)
  await Promise.race([erasing, untilBlocked(ledger, 2)])

  await held.release()
  await erasing

  const [drop] = await untilDropped(bridge, 1)
  expect(drop).toMatchObject({ id: good.id })
  expect(drop?.payloadHash).not.toBe(payloadHash)
})

test('what is dropped under the id of an erased event leaves no hash, and is one drop', async () => {
  const [sealed] = await givenSealedBatch(ledger, bridge, 1)
  const id = sealed?.id ?? ''
  await redact(bridge, id)
  const bad = ['one', 'two'].map((text) => ({ ...sealed, action: 'No Action', payload: { text } }))

  await publishIntents(bridge, bad)
  await publishIntents(bridge, bad)

  const dropsOf = () =>
    ledger.sql<{ attempts: number }>(
      'select payload_hash, attempts from audit_chain_drops where id = $1',
      [id],
    )
  await eventually(async () => (await dropsOf())[0]?.attempts === 4, { what: 'the drops' })
  expect(await dropsOf()).toEqual([{ payload_hash: ERASED, attempts: 4 }])
})

test('an older leader, which erases the payload alone, takes the hashes with it', async () => {
  const [erased, neighbour] = await givenRefused()
  await ledger.sql(
    `select set_config('mumega.audited', 'on', true);
     insert into redactions select log_index, gen_random_uuid(), 'a reason', 'a basis', 'operator:1', now()
       from event_keys where id = '${erased.id}';
     select erase_payload(log_index) from event_keys where id = '${erased.id}'`,
  )

  await expectErased(erased)
  expect(await hashesOf(neighbour.id)).toEqual([neighbour.hashes])
})

test('a key that was made to name another entry erases nothing of that one', async () => {
  const [own, other] = await givenSealedBatch(ledger, bridge, 2)
  const place = `select log_index from event_keys where id = '${other?.id ?? ''}'`
  await ledger.sql(
    `drop trigger erased_with_redaction on event_keys;
     update event_keys set log_index = (${place}) where id = '${own?.id ?? ''}'`,
  )

  await expect(redact(bridge, own?.id ?? '')).rejects.toMatchObject({ code: 'bus.bug' })

  const { disclosure } = await receiptOf(bridge, {
    ...{ source: 'bridge', id: other?.id ?? '', disclose: true },
  })
  expect(disclosure?.payload).toEqual(other?.payload)
})
