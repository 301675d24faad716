import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { exportEntries, searchEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'
import { anIntent, checkpointOf, givenLedger, OPERATOR, publishIntents } from './given.ts'
import type { TestLedger } from './given.ts'

type Part = ReplyOf<typeof exportEntries>

let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
})
afterAll(() => ledger.stop())

/** The entries of an export up to the size, part by part as its reader asks for them. */
async function exported(size: number): Promise<Part['entries']> {
  const entries: Part['entries'] = []
  let begin: number | undefined = 0
  while (begin !== undefined) {
    const asked = { chain: 'acme', size, begin, limit: 200, disclose: true }
    const part: Part = await bridge.request(exportEntries, asked, { context: OPERATOR })
    entries.push(...part.entries)
    begin = part.next
  }
  return entries
}

test('payloads of wide characters are exported, however many they are', async () => {
  const payload = { text: '漢'.repeat(21_000) }
  const intents = Array.from({ length: 24 }, () => anIntent({ payload }))
  for (const intent of intents) await publishIntents(bridge, [intent])
  const size = intents.length
  await eventually(async () => (await checkpointOf(bridge)).note?.split('\n')[1] === `${size}`, {
    what: 'a checkpoint over all of them',
  })

  const entries = await eventually(
    async () => {
      const read = await exported(size)
      return read.length === size && read
    },
    { what: 'all of them in the export' },
  )

  const payloads = entries.map(({ disclosure }) => JSON.parse(disclosure?.payload ?? '') as unknown)
  expect(payloads).toEqual(intents.map(() => payload))
})

const noDates = [{ from: '2030-02-30T00:00:00.000Z' }, { until: '0000-01-01T00:00:00.000Z' }]

test.each([...noDates, { size: 1, begin: 2 }])(
  'an export by what makes no sense is refused, and names the field: %j',
  async (wrong) => {
    const asked = { size: 0, begin: 0, limit: 1, disclose: false, ...wrong }
    const refused = bridge.request(exportEntries, asked, { context: OPERATOR })

    const field = Object.keys(wrong).at(-1)
    await expect(refused).rejects.toMatchObject({
      code: 'audit-ledger.invalid-filter',
      details: { field },
    })
  },
)

test.each(noDates)('a search by no date is refused, and names the field: %j', async (wrong) => {
  const asked = { order: 'newest' as const, limit: 1, ...wrong }
  await expect(bridge.request(searchEntries, asked, { context: OPERATOR })).rejects.toMatchObject({
    code: 'audit-ledger.invalid-filter',
    details: { field: Object.keys(wrong)[0] },
  })
})
