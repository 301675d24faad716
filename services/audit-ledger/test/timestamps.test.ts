import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { getTimestamp, listTimestamps } from '@mumega/contracts/audit-ledger'
import {
  eventually,
  opensslPresent,
  skipUnless,
  startTestTsa,
  type TestTsa,
  type TsaFault,
} from '@mumega/testkit'
import { hash } from 'node:crypto'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  healthOfLedger,
  OPERATOR,
  publishIntents,
  receiptOf,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

const openssl = opensslPresent()
const stampTest = skipUnless(test, openssl)

let [ledger, bridge, tsa]: [TestLedger, Bus, TestTsa] = [] as never

beforeAll(async () => {
  if (!openssl.isPresent) return
  tsa = await startTestTsa()
  ledger = await givenLedger({ isRunning: false })
  ledger.config.LEDGER_TSA_URL = tsa.url
  ledger.config.LEDGER_TSA_CA_FILE = tsa.caFile
  ledger.config.LEDGER_TSA_ANCHORS = 1
  await ledger.run()
  bridge = await ledger.bus('bridge')
})
afterAll(async () => {
  if (!openssl.isPresent) return
  await ledger.stop()
  await tsa.stop()
})

/** Grows the log by an anchor, so that a stamp is due. */
async function growByAnAnchor(): Promise<void> {
  const { length: before } = await sealedKeys(ledger)
  for (let at = 0; at < 256; at += 64) {
    await publishIntents(
      bridge,
      Array.from({ length: 64 }, () => anIntent()),
    )
  }
  await untilSealed(ledger, before + 256)
}

async function untilStamped(least: number): Promise<number[]> {
  return eventually(
    async () => {
      const { timestamps } = await bridge.request(
        listTimestamps,
        { limit: 200 },
        { context: OPERATOR },
      )
      const sizes = timestamps.map(({ size }) => size)
      return (sizes[0] ?? 0) >= least && sizes
    },
    { what: `a time-stamp over ${least}` },
  )
}

async function stampHealth() {
  const { dependencies, status, figures } = await healthOfLedger(bridge)
  return { stamps: dependencies.find(({ name }) => name === 'timestamps'), status, figures }
}

stampTest(
  'a checkpoint is stamped at once, then after each anchor, and openssl verifies what is kept',
  async () => {
    await publishIntents(bridge, [anIntent()])
    const first = await untilStamped(1)
    await growByAnAnchor()
    const sizes = await untilStamped(256)

    expect(first).toEqual([1])
    expect(sizes).toHaveLength(2)
    for (const size of sizes) {
      const kept = await bridge.request(getTimestamp, { size }, { context: OPERATOR })
      expect(kept.note.split('\n')[1]).toBe(String(size))
      expect(tsa.judge(Buffer.from(kept.reply, 'base64'), kept.note)).toBeUndefined()
      expect(tsa.judge(Buffer.from(kept.reply, 'base64'), `${kept.note} `)).toContain('Error')
      const rows = await ledger.sql<{ imprint: Buffer }>(
        'select imprint from checkpoint_timestamps where size = $1',
        [size],
      )
      expect(rows[0]?.imprint.toString('hex')).toBe(hash('sha256', kept.note))
    }
    expect(await stampHealth()).toMatchObject({ stamps: { status: 'ok' }, status: 'ok' })

    const pageOf = (before?: number) =>
      bridge.request(
        listTimestamps,
        { limit: 1, ...(before !== undefined && { before }) },
        { context: OPERATOR },
      )
    const newest = await pageOf()
    expect(newest).toMatchObject({ timestamps: [{ size: sizes[0] }], next: sizes[0] })
    const oldest = await pageOf(newest.next)
    expect(oldest.timestamps.map(({ size }) => size)).toEqual([1])
    expect(oldest).not.toHaveProperty('next')
  },
)

stampTest('a checkpoint without a stamp is not found', async () => {
  const asked = bridge.request(getTimestamp, { size: 2 }, { context: OPERATOR })
  await expect(asked).rejects.toMatchObject({
    code: 'audit-ledger.timestamp-not-found',
    status: 404,
  })
})

for (const [what, fault, said] of [
  ['answers without end', 'answers-too-much', /more than 65536 bytes/],
  ['answers nonsense', 'answers-nonsense', /not a time-stamp reply/],
  ['is broken', 'breaks', /status 503/],
  ['refuses', 'refuses', /it refused \(status 2\)/],
  ['answers another request', 'answers-another-request', /the nonce is not ours/],
  ['stamps another digest', 'stamps-another-digest', /something else than the checkpoint/],
  ['is not the one that is trusted', 'is-not-trusted', /not signed by who leads to a root/],
  ['signs with a key for other purposes', 'is-for-other-purposes', /not one for time-stamping/],
  ['does not name its certificate', 'names-no-certificate', /does not name the certificate/],
] as const satisfies [string, TsaFault, RegExp][]) {
  stampTest(
    `an authority that ${what} is told of, nothing of it is kept, and the log goes on`,
    async () => {
      const [newest = 0] = await untilStamped(1)
      tsa.suffer(fault)
      await growByAnAnchor()

      const { stamps } = await eventually(
        async () => {
          const health = await stampHealth()
          return health.stamps?.status === 'failing' && health
        },
        { what: 'the health tells of it' },
      )
      const keys = await sealedKeys(ledger)
      const last = keys.at(-1)
      const receipt = last && (await receiptOf(bridge, last))
      const rows = await ledger.sql('select from checkpoint_timestamps where size > $1', [newest])

      expect(stamps?.reason).toMatch(said)
      expect(rows).toEqual([])
      expect(receipt?.anchored).toBe(true)
      expect((await healthOfLedger(bridge)).status).toBe('ok')
      tsa.suffer(undefined)
      await untilStamped(keys.length)
      expect((await stampHealth()).stamps?.status).toBe('ok')
    },
  )
}

stampTest('an authority that never answers holds up no stop', async () => {
  tsa.suffer('hangs')
  const { asked } = tsa
  await growByAnAnchor()
  await eventually(() => Promise.resolve(tsa.asked > asked), { what: 'a request' })
  const startedMs = performance.now()

  await ledger.rest()

  expect(performance.now() - startedMs).toBeLessThan(5_000)
  tsa.suffer(undefined)
  await ledger.run()
  await untilStamped((await sealedKeys(ledger)).length)
  expect((await checkpointOf(bridge)).note).toBeDefined()
})
