import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import { generateVkey, signerFromSeed } from '@mumega/tlog/note'
import { verifyReceipt } from '@mumega/tlog/receipt'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  OPERATOR,
  publishIntents,
  receiptOf,
  sealedKeys,
  type TestLedger,
} from './given.ts'
import { ACME, givenSealedBatch, redact, WHY } from './given-redactions.ts'

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterAll(() => ledger.stop())

// Zero-width space and joiner, soft hyphen, byte order mark, and letters that are blanks.
const UNSEEN = '\u200b\u200d\u00ad\ufeff\u2060\u3164\u115f\u2800'

const vkeyOf = () => {
  const seed = Buffer.from(readFileSync(ledger.config.LEDGER_KEY_FILE, 'utf8'), 'base64')
  const origin = ledger.config.LEDGER_ORIGIN
  return generateVkey(origin, signerFromSeed(origin, seed).publicKey)
}

const disclosed = (id: string) => receiptOf(bridge, { source: 'bridge', id, disclose: true })

async function untilRedactionSealed(id: string) {
  return eventually(
    () => receiptOf(bridge, { source: 'audit-ledger', id }).catch(() => false as const),
    { what: 'the entry that tells of it' },
  )
}

/** Every byte that the ledger's schema holds, for looking whether something is still in it. */
async function everythingStored(): Promise<string> {
  const rows = await ledger.sql<{ payloads: Buffer; salts: Buffer }>(
    'select payloads, salts from payload_batches',
  )
  const outbox = await ledger.sql<{ all: string }>('select outbox::text as all from outbox')
  return (
    rows
      .map(({ payloads, salts }) => payloads.toString('latin1') + salts.toString('latin1'))
      .join() + outbox.map((row) => row.all).join()
  )
}

test('an erasure removes payload and salt, leaves the neighbours, and every receipt still verifies', async () => {
  const [before, erased, after] = await givenSealedBatch(ledger, bridge, 3)
  const [id, salt] = [erased?.id ?? '', (await disclosed(erased?.id ?? '')).disclosure?.salt ?? '']
  const old = await receiptOf(bridge, { source: 'bridge', id })

  const redaction = await redact(bridge, id)

  const stored = await everythingStored()
  expect(stored).not.toContain(String(erased?.payload['text']))
  expect(stored).not.toContain(Buffer.from(salt, 'hex').toString('latin1'))
  for (const neighbour of [before, after]) {
    const { disclosure, text } = await disclosed(neighbour?.id ?? '')
    expect(disclosure?.payload).toEqual(neighbour?.payload)
    const verdict = verifyReceipt({ text, vkey: vkeyOf(), disclosure: JSON.stringify(disclosure) })
    expect(verdict).toMatchObject({ status: 'valid', isPayloadVerified: true })
  }
  expect(await disclosed(id)).toMatchObject({ redactionId: redaction.redactionId })
  expect((await disclosed(id)).disclosure).toBeUndefined()
  const told = await untilRedactionSealed(redaction.redactionId)
  const proof = JSON.stringify({ redacted: true, receipt: told.text })
  for (const text of [old.text, (await disclosed(id)).text]) {
    expect(verifyReceipt({ text, vkey: vkeyOf() }).status).toBe('valid')
    expect(verifyReceipt({ text, vkey: vkeyOf(), disclosure: proof })).toMatchObject({
      status: 'redacted',
      redaction: { actor: ACME.actor, chain: 'acme' },
    })
  }
})

test('what was erased is not sealed again when it is sent once more', async () => {
  const [erased] = await givenSealedBatch(ledger, bridge, 1)
  await redact(bridge, erased?.id ?? '')

  await publishIntents(bridge, [erased ?? anIntent()])
  await eventually(async () => (await healthOfLedger(bridge)).figures['intakeIntents'] === 0, {
    what: 'it to be settled',
  })
  const next = anIntent()
  await publishIntents(bridge, [next])
  const isSealed = async () => (await sealedKeys(ledger)).some(({ id }) => id === next.id)
  await eventually(isSealed, { what: 'the next one' })

  expect(await ledger.sql('select from event_keys where id = $1', [erased?.id])).toHaveLength(1)
  const conflicts = 'select from audit_chain_conflicts where id = $1'
  expect(await ledger.sql(conflicts, [erased?.id])).toEqual([])
})

test('the entry that tells of an erasure says who erased what, why and on what legal basis', async () => {
  const [intent] = await givenSealedBatch(ledger, bridge, 1)
  const id = intent?.id ?? ''

  const { redactionId, index } = await redact(bridge, id)

  await untilRedactionSealed(redactionId)
  const { disclosure, entry } = await receiptOf(bridge, {
    source: 'audit-ledger',
    id: redactionId,
    disclose: true,
  })
  expect(entry.chain).toBe('acme')
  expect(disclosure?.payload).toEqual({ source: 'bridge', id, index, ...WHY })
})

test('erased twice, and by ten at once, it is on record once, and all get the first answer', async () => {
  const [intent] = await givenSealedBatch(ledger, bridge, 1)
  const id = intent?.id ?? ''

  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, nth) => redact(bridge, id, { reason: `for reason ${nth}` })),
  )
  const again = await redact(bridge, id, { reason: 'for another reason' })

  expect(new Set([...answers, again].map((answer) => JSON.stringify(answer))).size).toBe(1)
  await untilRedactionSealed(again.redactionId)
  const keys = await ledger.sql(
    `select from event_keys where source = 'audit-ledger' and id = $1`,
    [again.redactionId],
  )
  expect(keys).toHaveLength(1)
})

test('the same request twice erases once; with other content it is refused', async () => {
  const [one, other] = await givenSealedBatch(ledger, bridge, 2)
  const requestId = uuidv7()

  const first = await redact(bridge, one?.id ?? '', { requestId })

  expect(await redact(bridge, one?.id ?? '', { requestId })).toEqual(first)
  await expect(redact(bridge, other?.id ?? '', { requestId })).rejects.toMatchObject({
    code: 'db.request-id-reused',
  })
  expect((await disclosed(other?.id ?? '')).disclosure).toBeDefined()
})

test('all payloads of one batch are erased at once, each for itself', async () => {
  const intents = await givenSealedBatch(ledger, bridge, 30)
  const [kept, ...erased] = intents

  await Promise.all(erased.map(({ id }) => redact(bridge, id)))

  expect((await disclosed(kept?.id ?? '')).disclosure?.payload).toEqual(kept?.payload)
  const stored = await everythingStored()
  for (const { payload } of erased) expect(stored).not.toContain(String(payload['text']))
  const torn = await ledger.sql(
    `select from payload_batches
      where octet_length(payloads) <> offset_at(offsets, octet_length(offsets) / 4 - 1)`,
  )
  expect(torn).toEqual([])
})

test.each<[string, Record<string, unknown>, [string, RegExp]]>([
  ['of another tenant', { context: { ...ACME, tenantId: 'zenith' } }, ['entry-not-found', /entry/]],
  ['that does not exist', { id: uuidv7() }, ['entry-not-found', /entry/]],
  ['of the ledger itself', { source: 'audit-ledger' }, ['not-redactable', /stays/]],
  ['without a reason', { reason: '  ' }, ['redaction-invalid', /^reason is empty/]],
  ['for a reason that nobody sees', { reason: UNSEEN }, ['redaction-invalid', /^reason is empty/]],
  [
    'on a basis of blanks',
    { legalBasis: '\u3000\u00a0' },
    ['redaction-invalid', /^legalBasis is empty/],
  ],
  ['for a reason of signs', { reason: '--' }, ['redaction-invalid', /^reason is empty/]],
  [
    'for too long a reason',
    { reason: 'ä'.repeat(251) },
    ['redaction-invalid', /^reason has 502 bytes/],
  ],
  ['with NUL in its reason', { reason: 'a\u0000' }, ['redaction-invalid', /^reason has a control/]],
  ['with half a character', { legalBasis: '\ud800' }, ['redaction-invalid', /^legalBasis has/]],
  ['with too long a basis', { legalBasis: 'x'.repeat(201) }, ['redaction-invalid', /^legalBasis/]],
])('an erasure %s is refused, and nothing is erased', async (_what, fields, [code, message]) => {
  const [intent] = await givenSealedBatch(ledger, bridge, 1)
  const id = intent?.id ?? ''

  await expect(redact(bridge, id, fields)).rejects.toMatchObject({
    code: `audit-ledger.${code}`,
    message: expect.stringMatching(message),
  })

  expect((await disclosed(id)).disclosure?.payload).toEqual(intent?.payload)
})

test('an operator of the substrate may erase on every chain, and the tenant’s own chain tells of it', async () => {
  const [intent] = await givenSealedBatch(ledger, bridge, 1)

  const { redactionId } = await redact(bridge, intent?.id ?? '', { context: OPERATOR })

  expect((await untilRedactionSealed(redactionId)).entry.chain).toBe('acme')
})

test('a payload that nobody put on record as erased cannot be changed, by the owner either', async () => {
  const [intent] = await givenSealedBatch(ledger, bridge, 1)
  const change = ledger.sql(`update payload_batches set payloads = ''`)
  await expect(change).rejects.toMatchObject({ code: 'MU010' })
  await expect(ledger.sql('select erase_payload(0)')).rejects.toMatchObject({ code: 'MU010' })
  await expect(ledger.sql('delete from payload_batches')).rejects.toMatchObject({ code: 'MU010' })
  await expect(ledger.sql('truncate payload_batches')).rejects.toMatchObject({ code: 'MU010' })
  const own = ledger.pool().raw('update payload_batches set payloads = payloads')
  await expect(own).rejects.toMatchObject({ code: '42501' })
  expect((await disclosed(intent?.id ?? '')).disclosure?.payload).toEqual(intent?.payload)
})
