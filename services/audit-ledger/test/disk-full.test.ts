import { execFileSync, spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Bus } from '@mumega/bus'
import { append } from '@mumega/contracts/audit-ledger'
import { eventually, skipUnless, startTestCluster, type TestCluster } from '@mumega/testkit'
import { scrubAll, untilSignedUpTo, vkeyOf } from './given-scrubber.ts'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

const onLinux = skipUnless(test, {
  isPresent: spawnSync('prlimit', ['--version']).status === 0,
  reason: 'there is no prlimit',
})
// Of the server's log segments, which it must still be able to write: past them it would crash.
const FILE_BYTES_MAX = 16 * 1_048_576
const PER_MESSAGE = 8
const PAYLOAD_BYTES = 60_000

let cluster: TestCluster
let ledger: TestLedger
let bridge: Bus

beforeAll(async () => {
  cluster = await startTestCluster()
  ledger = await givenLedger()
  bridge = await ledger.bus('bridge')
}, 60_000)
afterAll(async () => {
  await ledger.stop()
  await cluster.stop()
}, 60_000)

/** What the server's processes may write into one file, those to come included. */
async function limitFiles(bytes: number | 'unlimited'): Promise<void> {
  const rows = await ledger.sql<{ pid: number }>(
    `select pid from pg_stat_activity where usename = 'mumega_audit_ledger'`,
  )
  for (const { pid } of [{ pid: cluster.pid }, ...rows]) {
    // Only its own user may limit a process. The soft limit, as the hard one could not be lifted.
    const { uid, gid } = statSync(`/proc/${pid}`)
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`], { uid, gid })
  }
}

async function publishLarge(messages: number): Promise<number> {
  for (let nth = 0; nth < messages; nth += 1) {
    const text = 'x'.repeat(PAYLOAD_BYTES)
    await publishIntents(
      bridge,
      Array.from({ length: PER_MESSAGE }, () => anIntent({ payload: { text } })),
    )
  }
  return messages * PER_MESSAGE
}

onLinux(
  'while the disk is full nothing is sealed and callers are told; with room again nothing is lost, doubled or left out',
  async () => {
    let count = await publishLarge(20)
    await untilSealed(ledger, count)
    await limitFiles(FILE_BYTES_MAX)

    count += await publishLarge(40)
    await eventually(
      async () => {
        const { dependencies } = await healthOfLedger(bridge)
        return dependencies.find(({ name }) => name === 'sealing')?.status === 'failing'
      },
      { what: 'the full disk to be felt' },
    )
    const context = { tenantId: 'acme', actor: { id: 'service:bridge', kind: 'service' } } as const
    const payload = { text: 'x'.repeat(PAYLOAD_BYTES) }
    const request = { source: 'bridge', intent: anIntent({ payload }) }
    const refused = bridge.request(append, request, { context, timeoutMs: 2_000 })
    await expect(refused).rejects.toMatchObject({ kind: 'unavailable' })
    expect((await sealedKeys(ledger)).length).toBeLessThan(count)

    await limitFiles('unlimited')
    await untilSealed(ledger, count)
    // Whether it was sealed was not known: the same call again is safe.
    await bridge.request(append, request, { context })

    const size = await untilSignedUpTo(ledger, count + 1)
    const keys = await sealedKeys(ledger)
    expect(keys.map(({ index }) => index)).toEqual(Array.from({ length: size }, (_, at) => at))
    expect(new Set(keys.map(({ id }) => id)).size).toBe(count + 1)
    const vkey = await vkeyOf(ledger)
    await ledger.rest()
    expect(await scrubAll(ledger, vkey)).toEqual({ found: [], isWhole: true, entries: size })
  },
  120_000,
)
