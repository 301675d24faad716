import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { append, getChainHead } from '@mumega/contracts/audit-ledger'
import type { CallContext } from '@mumega/contracts/scalars'
import { GENESIS } from '@mumega/tlog/entry'
import {
  anIntent,
  givenLedger,
  givenSealer,
  healthOfLedger,
  OPERATOR,
  publishIntents,
  receiptOf,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterAll(() => ledger.stop())

const BRIDGE: CallContext = {
  tenantId: 'acme',
  actor: { id: 'service:bridge', kind: 'service' },
}

function appendAs(
  context: CallContext,
  intent: AuditIntent,
  expectedHead?: string,
): Promise<{ seq: number; index: number; hash: string }> {
  const head = expectedHead === undefined ? {} : { expectedHead }
  return bridge.request(append, { source: 'bridge', intent, ...head }, { context })
}

test('an append answers with the place of the committed entry, and gives it again when asked again', async () => {
  const intent = anIntent({ chain: 'direct' })

  const first = await appendAs(BRIDGE, intent)

  expect(first).toMatchObject({ seq: 1, source: 'bridge', id: intent.id })
  expect((await sealedKeys(ledger)).map(({ id }) => id)).toContain(intent.id)
  expect(await appendAs(BRIDGE, intent)).toEqual(first)
})

test('an append of what the bus has brought already answers with the place that it got then', async () => {
  const intents = Array.from({ length: 64 }, () => anIntent({ chain: 'brought' }))
  const before = (await sealedKeys(ledger)).length
  await publishIntents(bridge, intents)
  await untilSealed(ledger, before + 64)

  for (const intent of intents.slice(50)) {
    const { seq, index, hash } = await appendAs(BRIDGE, intent)
    const { entry } = await receiptOf(bridge, { source: 'bridge', id: intent.id })
    expect({ seq, index, hash }).toEqual({ seq: entry.seq, index: entry.index, hash: entry.hash })
  }
})

test('an append that expects the head it has seen is sealed, and one that expects another is refused', async () => {
  const first = await appendAs(BRIDGE, anIntent({ chain: 'heads' }), GENESIS)
  const context = OPERATOR
  const head = await bridge.request(getChainHead, { chain: 'heads' }, { context })
  expect(head).toEqual({ seq: 1, head: first.hash })

  const second = await appendAs(BRIDGE, anIntent({ chain: 'heads' }), first.hash)
  const stale = appendAs(BRIDGE, anIntent({ chain: 'heads' }), first.hash)

  expect(second.seq).toBe(2)
  await expect(stale).rejects.toMatchObject({
    code: 'audit-ledger.chain-seq-collision',
    status: 409,
  })
  expect((await sealedKeys(ledger)).filter(({ chain }) => chain === 'heads')).toHaveLength(2)
})

test('of appends that race for one head exactly one is sealed', async () => {
  const intents = Array.from({ length: 12 }, () => anIntent({ chain: 'race' }))

  const outcomes = await Promise.allSettled(
    intents.map((intent) => appendAs(BRIDGE, intent, GENESIS)),
  )

  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect((await sealedKeys(ledger)).filter(({ chain }) => chain === 'race')).toHaveLength(1)
})

test('an append that is repeated with the head it once expected still gets its first place', async () => {
  const intent = anIntent({ chain: 'repeated' })
  const first = await appendAs(BRIDGE, intent, GENESIS)
  await appendAs(BRIDGE, anIntent({ chain: 'repeated' }))

  expect(await appendAs(BRIDGE, intent, GENESIS)).toEqual(first)
})

test('the same id with other content is refused as a conflict', async () => {
  const intent = anIntent({ chain: 'twice' })
  await appendAs(BRIDGE, intent)

  const other = appendAs(BRIDGE, { ...intent, action: 'message.refused' })

  await expect(other).rejects.toMatchObject({ code: 'audit-ledger.id-reused', status: 409 })
})

test.each<[string, CallContext]>([
  ['another service', { ...BRIDGE, actor: { id: 'service:gateway', kind: 'service' } }],
  ['an agent of that name', { ...BRIDGE, actor: { id: 'service:bridge', kind: 'agent' } }],
  ['an operator', OPERATOR],
  [
    'the service for who holds a token',
    { ...BRIDGE, tokenId: '019a0000-0000-7000-8000-000000000001' },
  ],
])('%s cannot append in the name of a service', async (_name, context) => {
  const intent = anIntent({ chain: 'forged' })

  const refused = appendAs(context, intent)

  await expect(refused).rejects.toMatchObject({ code: 'audit-ledger.source-mismatch', status: 403 })
  expect((await sealedKeys(ledger)).filter(({ chain }) => chain === 'forged')).toEqual([])
})

test.each(['checkout', 'audit-ledger', 'constructor'])(
  'nobody appends as %s, which may not call the ledger',
  async (source) => {
    const context = {
      tenantId: 'acme',
      actor: { id: `service:${source}`, kind: 'service' },
    } as const
    const intent = anIntent({ chain: 'stranger' })

    const refused = bridge.request(append, { source, intent }, { context })

    await expect(refused).rejects.toMatchObject({
      code: 'audit-ledger.source-mismatch',
      status: 403,
    })
    expect((await sealedKeys(ledger)).filter(({ chain }) => chain === 'stranger')).toEqual([])
  },
)

test('what cannot be sealed is refused before anything is written', async () => {
  const large = anIntent({ chain: 'refused', payload: { text: 'x'.repeat(65_536) } })
  const closesNothing = anIntent({ chain: 'refused', phase: 'outcome' })

  await expect(appendAs(BRIDGE, large)).rejects.toMatchObject({
    code: 'audit-ledger.payload-too-large',
    status: 413,
  })
  await expect(appendAs(BRIDGE, closesNothing)).rejects.toMatchObject({
    code: 'audit-ledger.intent-invalid',
    status: 400,
  })
  expect((await sealedKeys(ledger)).filter(({ chain }) => chain === 'refused')).toEqual([])
})

test('LOCK-S024-F-2: a place that stays taken is tried exactly twice, each time from a fresh head, then 409', async () => {
  // A row that no head leads to: whoever reads the head finds seq 1 free, and its index does not.
  await ledger.sql(
    `insert into event_keys (id, log_index, seq, number, source, chain, intent_hash)
     values (gen_random_uuid(), 9999999, 1, 1, 'nobody', 'taken', sha256(''))`,
  )
  // A sequence keeps what a rolled-back statement took from it: an honest count of the tries.
  await ledger.sql('create sequence tries; grant usage on sequence tries to mumega_audit_ledger')
  await ledger.sql(
    `create function count_try() returns trigger language plpgsql as
       $$ begin if new.chain = 'taken' then perform nextval('audit_ledger.tries'); end if; return new; end $$;
     create trigger count_try before insert on event_keys for each row execute function count_try()`,
  )
  const before = await healthOfLedger(bridge)

  const [taken, free] = await Promise.allSettled([
    appendAs(BRIDGE, anIntent({ chain: 'taken' })),
    appendAs(BRIDGE, anIntent({ chain: 'free' })),
  ])

  expect(taken).toMatchObject({ reason: { code: 'audit-ledger.chain-seq-collision', status: 409 } })
  expect(free).toMatchObject({ value: { seq: 1, chain: 'free' } })
  const tries = await ledger.sql<{ last_value: string }>('select last_value from tries')
  expect(tries).toEqual([{ last_value: '2' }])
  const after = await healthOfLedger(bridge)
  expect(Number(after.figures['collisions']) - Number(before.figures['collisions'])).toBe(2)
  await ledger.sql('drop trigger count_try on event_keys')
})

test('LOCK-S024-F-2: an append whose place somebody else has taken gets the next one, from a fresh head', async () => {
  const before = await healthOfLedger(bridge)
  await appendAs(BRIDGE, anIntent({ chain: 'shared' }))
  const other = await givenSealer(ledger)
  expect(await other.seal(anIntent({ chain: 'shared' }))).toMatchObject({ kind: 'sealed' })
  await other.close()

  const { seq } = await appendAs(BRIDGE, anIntent({ chain: 'shared' }))

  expect(seq).toBe(3)
  const after = await healthOfLedger(bridge)
  expect(Number(after.figures['collisions']) - Number(before.figures['collisions'])).toBe(1)
})
