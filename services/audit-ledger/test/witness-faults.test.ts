import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually, type WitnessFault } from '@mumega/testkit'
import { healthOfLedger, sealedKeys } from './given.ts'
import {
  givenWitnessedLedger,
  keptOf,
  refusalsOf,
  untilWitnessed,
  witnessHealth,
  type WitnessedLedger,
} from './given-witnesses.ts'

let given: WitnessedLedger

beforeAll(async () => {
  given = await givenWitnessedLedger({ threshold: 'all', overdueMs: 300 })
  await untilWitnessed(given.bridge, await given.grow(3))
})
afterAll(() => given.stop())

/** What the health says once witness a suffers from it, and what was kept of its answers. */
async function sufferAndGrow(fault: WitnessFault) {
  const { witnesses, bridge, ledger } = given
  const [a] = witnesses
  a.suffer(fault)
  const size = await given.grow(1)
  const { reason = '' } = await eventually(
    async () => {
      const health = await witnessHealth(bridge)
      return health.reason?.includes('a.example') === true && health
    },
    { what: 'the health names the witness' },
  )
  const isKept = (await keptOf(ledger)).some((kept) => kept.witness === a.name && kept.size >= size)
  const { status, figures } = await healthOfLedger(bridge)
  return { size, reason, isKept, status, figures }
}

/** Entries by which the ledger tells of refusals. */
async function ownEntries(): Promise<number> {
  const keys = await sealedKeys(given.ledger)
  return keys.filter(({ source }) => source === 'audit-ledger').length
}

async function recover(): Promise<void> {
  const { witnesses, bridge, ledger } = given
  witnesses[0].suffer(undefined)
  // Before the growth that a refusal brings about itself, and after it.
  await eventually(
    async () => {
      const { length } = await sealedKeys(ledger)
      await untilWitnessed(bridge, length)
      return (await witnessHealth(bridge)).status === 'ok'
    },
    { what: 'the witness cosigns again' },
  )
}

test.each<[what: string, fault: WitnessFault, said: RegExp]>([
  ['does not answer', 'hangs', /did not answer within 500 ms/],
  ['breaks off', 'drops-connection', /cannot be reached, or broke off/],
  ['answers without end', 'answers-too-much', /answered more than 16384 bytes/],
  ['answers nonsense', 'answers-nonsense', /without a cosignature of the key/],
  ['cosigns with another key', 'cosigns-with-another-key', /without a cosignature of the key/],
  ['has a clock that is late', 'cosigns-in-the-past', /are its clock and ours right/],
  ['has a clock that is early', 'cosigns-in-the-future', /are its clock and ours right/],
  ['does not know the log', { status: 404 }, /does not know this log \(404\)/],
  ['does not take the key', { status: 403 }, /does not accept the log's signature \(403\)/],
  ['has too much to do', { status: 429 }, /fewer submissions \(429\)/],
  ['is broken', { status: 503 }, /status 503/],
  ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, /redirects \(302\)/],
])(
  'a witness that %s is told of with figures, keeps nothing, and cosigns when it is well again',
  async (_what, fault, said) => {
    const refusals = await refusalsOf(given.ledger)

    const seen = await sufferAndGrow(fault)

    expect(seen.reason).toMatch(said)
    expect(seen.reason).toContain(`has cosigned ${seen.size - 1} of ${seen.size} entries`)
    expect(seen).toMatchObject({ isKept: false, status: 'ok' })
    expect(seen.figures['cosignedLagMs']).toBeGreaterThan(300)
    expect(await refusalsOf(given.ledger)).toEqual(refusals)
    await recover()
  },
)

test.each<[what: string, fault: WitnessFault, name: string]>([
  ['answers 422', { status: 422 }, 'inconsistent'],
  ['answers 409 without a size', 'conflicts-without-size', 'conflict'],
  ['names its size and does not go on from it', 'repeats-its-size', 'conflict'],
  ['forges its cosignature', 'forges', 'forged'],
  ['cosigns another root', 'cosigns-another-root', 'forged'],
])(
  'a witness that %s is a refusal: on record once, on the log itself, and raised at once',
  async (_what, fault, name) => {
    const before = await refusalsOf(given.ledger)
    const { figures } = await healthOfLedger(given.bridge)

    const seen = await sufferAndGrow(fault)
    const refusedBefore = figures['witnessRefusals'] ?? 0
    await eventually(
      async () => {
        const { figures: now } = await healthOfLedger(given.bridge)
        return (now['witnessRefusals'] ?? 0) >= refusedBefore + 3
      },
      { what: 'it refuses again and again' },
    )

    expect(seen.reason).toContain('a.example refused: ')
    expect(seen).toMatchObject({ isKept: false, status: 'ok' })
    const refusals = (await refusalsOf(given.ledger)).slice(before.length)
    expect(refusals).toHaveLength(1)
    expect(refusals).toMatchObject([{ witness: 'a.example', fault: name }])
    await eventually(
      async () => {
        const [waiting] = await given.ledger.sql('select from outbox')
        return waiting === undefined && (await ownEntries()) > before.length
      },
      { what: 'the entry of the refusal' },
    )
    expect(await ownEntries()).toBe(before.length + 1)
    await recover()
    expect(await refusalsOf(given.ledger)).toHaveLength(before.length + 1)
  },
)

test('a witness that was set back is asked once more, from the size that it names', async () => {
  const { witnesses, bridge } = given
  const [a] = witnesses
  const old = a.remembered()
  const size = await given.grow(2)
  await untilWitnessed(bridge, size)
  const { length: askedBefore } = a.askedFrom
  a.remember(old)

  const grown = await given.grow(1)
  await untilWitnessed(bridge, grown)

  expect(a.askedFrom.slice(askedBefore)).toEqual([size, old?.size])
  expect(a.cosigned.at(-1)).toBe(grown)
  expect((await witnessHealth(bridge)).status).toBe('ok')
})

test('a witness that has seen more of the log than there is says so: it was set back, or forked', async () => {
  const { witnesses, ledger, bridge } = given
  const before = await refusalsOf(ledger)
  const [a] = witnesses
  const known = a.remembered()?.size
  a.remember({ size: 1_000_000, root: Buffer.alloc(32, 5) })

  await given.grow(1)
  const [refusal] = await eventually(
    async () => {
      const refusals = (await refusalsOf(ledger)).slice(before.length)
      return refusals.length > 0 && refusals
    },
    { what: 'the refusal' },
  )

  expect(refusal).toMatchObject({ fault: 'ahead', old_size: String(known) })
  expect((await witnessHealth(bridge)).reason).toContain('has cosigned 1000000 entries')
})
