import { mkdtempSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'
import { start } from '../src/service.ts'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'
import { givenPassage, type Passage } from './given-passage.ts'

let ledger: TestLedger
let bridge: Bus
let passage: Passage

beforeEach(async () => {
  ledger = await givenLedger({ isRunning: false })
  bridge = await ledger.bus('bridge')
  passage = await givenPassage(new URL(ledger.config.NATS_URL))
})
afterEach(async () => {
  passage.close()
  await ledger.stop()
})

const behindPassage = () => start({ ...ledger.config, ...SHORT, NATS_URL: passage.url })
const beside = () => start({ ...ledger.config, ...SHORT })
// Renewed in time by whoever lives: what takes the lease from him is not its end.
const SHORT = { LEDGER_LEASE_MS: 2_000 }

async function epochNow(): Promise<number> {
  const [head] = await ledger.sql<{ epoch: string }>('select epoch from log_head')
  return Number(head?.epoch)
}

async function fitnessNow(): Promise<{ is_fit: boolean; seen_at: Date }[]> {
  return ledger.sql('select is_fit, seen_at from ledger_instances order by instance_id')
}

/** Another entry is sealed. */
async function growByOne(): Promise<void> {
  const [head] = await ledger.sql<{ size: string }>('select size from log_head')
  const intent = anIntent()
  // Its own connection may not be back yet: the same again is stored once.
  const publish = () => publishIntents(bridge, [intent]).then(() => true)
  await eventually(() => publish().catch(() => false), { what: 'the stream' })
  await untilSealed(ledger, Number(head?.size) + 1)
}

test.each(['swallow', 'refuse'] as const)(
  'a leader whose connections to the bus are cut (%s) hands over to a ledger that reaches it, and stands again when they are back',
  async (how) => {
    const cutOff = await behindPassage()
    const other = await beside()
    await growByOne()
    const epoch = await epochNow()

    passage[how]()
    await growByOne()

    expect(await epochNow()).toBe(epoch + 1)
    passage.heal()
    await eventually(async () => (await fitnessNow()).every((each) => each.is_fit), {
      what: 'both to be fit',
    })
    await other.stop()
    await growByOne()
    expect(await epochNow()).toBe(epoch + 2)
    await cutOff.stop()
  },
  90_000,
)

test('what does not reach the bus does not take a lease that is free', async () => {
  const cutOff = await behindPassage()
  const other = await beside()
  passage.swallow()
  await growByOne()
  const epoch = await epochNow()

  await other.stop()
  const [seen] = await fitnessNow()
  await eventually(
    async () => {
      const [now] = await fitnessNow()
      return (now?.seen_at.getTime() ?? 0) > (seen?.seen_at.getTime() ?? 0) + 2 * 2_000
    },
    { what: 'heartbeats for longer than the lease' },
  )

  expect([await epochNow(), (await fitnessNow())[0]?.is_fit]).toEqual([epoch, false])
  passage.heal()
  await growByOne()
  expect(await epochNow()).toBe(epoch + 1)
  await cutOff.stop()
}, 90_000)

test('when nobody reaches the bus the leader stays', async () => {
  const both = [await beside(), await beside()]
  await growByOne()
  const epoch = await epochNow()

  await ledger.killNats()
  const cut = await eventually(
    async () => {
      const instances = await fitnessNow()
      return instances.every((each) => !each.is_fit) && instances
    },
    { what: 'both to be cut off' },
  )
  const latest = Math.max(...cut.map(({ seen_at }) => seen_at.getTime()))
  await eventually(
    async () => (await fitnessNow()).every(({ seen_at }) => seen_at.getTime() > latest + 3_000),
    { what: 'more heartbeats than a hand-over takes' },
  )
  await ledger.restartNats()
  await growByOne()

  expect(await epochNow()).toBe(epoch)
  await Promise.all(both.map((each) => each.stop()))
}, 90_000)

test('a leader that cannot keep its copy of the checkpoint hands over to a ledger that can', async () => {
  const folder = mkdtempSync(join(dirname(ledger.config.LEDGER_KEY_FILE), 'copies-'))
  const LEDGER_CHECKPOINT_FILE = join(folder, 'checkpoint')
  const first = await start({ ...ledger.config, ...SHORT, LEDGER_CHECKPOINT_FILE })
  const other = await beside()
  await growByOne()
  const epoch = await epochNow()
  const signed = async () => Number((await checkpointOf(bridge)).note?.split('\n')[1])
  const untilSigned = (size: number) =>
    eventually(async () => (await signed().catch(() => 0)) >= size, { what: 'a checkpoint' })

  renameSync(folder, `${folder}.away`)
  await growByOne()
  await untilSigned(2)

  expect(await epochNow()).toBe(epoch + 1)
  renameSync(`${folder}.away`, folder)
  await eventually(async () => (await fitnessNow()).every((each) => each.is_fit), {
    what: 'both to be fit',
  })
  await other.stop()
  await growByOne()
  await untilSigned(3)
  expect(await epochNow()).toBe(epoch + 2)
  await first.stop()
}, 90_000)
