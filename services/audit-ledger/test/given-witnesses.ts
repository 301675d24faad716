import { writeFileSync } from 'node:fs'
import type { Bus } from '@mumega/bus'
import type { DependencyHealth } from '@mumega/contracts/health'
import { eventually, startTestWitness, type TestWitness } from '@mumega/testkit'
import { parsePolicy, type Policy } from '@mumega/tlog/policy'
import { readLogKey } from '../src/signing/log-key.ts'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  healthOfLedger,
  publishIntents,
  sealedKeys,
  untilSealed,
  type TestLedger,
} from './given.ts'

export interface WitnessedLedger {
  readonly ledger: TestLedger
  readonly bridge: Bus
  readonly vkey: string
  readonly witnesses: readonly [TestWitness, TestWitness, TestWitness]
  readonly policy: Policy
  /** Seals so many entries more; the log's size when they are signed. */
  grow(count: number): Promise<number>
  stop(): Promise<void>
}

export interface Wanted {
  /** Of the three, for the quorum. */
  threshold?: string
  overdueMs?: number
}

/** A ledger with three witnesses, a to c, asked every 20 ms. */
export async function givenWitnessedLedger(wanted: Wanted = {}): Promise<WitnessedLedger> {
  const { threshold = '2', overdueMs = 60_000 } = wanted
  const ledger = await givenLedger({ isRunning: false })
  const { config } = ledger
  const { vkey } = await readLogKey(config.LEDGER_KEY_FILE, config.LEDGER_ORIGIN)
  const start = (name: string, nth: number) =>
    startTestWitness({ name: `${name}.example`, seed: Buffer.alloc(32, nth), logVkey: vkey })
  const witnesses = [await start('a', 1), await start('b', 2), await start('c', 3)] as const
  const lines = witnesses.map(({ name, vkey: key, url }) => `witness ${name} ${key} ${url}`)
  const names = witnesses.map(({ name }) => name).join(' ')
  const text = [
    `log ${vkey}`,
    ...lines,
    `group all-three ${threshold} ${names}`,
    'quorum all-three',
  ]
  config.LEDGER_WITNESS_POLICY_FILE = `${config.LEDGER_KEY_FILE}.policy`
  writeFileSync(config.LEDGER_WITNESS_POLICY_FILE, `${text.join('\n')}\n`)
  config.LEDGER_WITNESS_INTERVAL_MS = 20
  config.LEDGER_WITNESS_TIMEOUT_MS = 500
  config.LEDGER_WITNESS_OVERDUE_MS = overdueMs
  await ledger.run()
  const bridge = await ledger.bus('bridge')
  return {
    ledger,
    bridge,
    vkey,
    witnesses,
    policy: parsePolicy(text.join('\n')),
    async grow(count) {
      const { length: before } = await sealedKeys(ledger)
      for (let at = 0; at < count; at += 64) {
        const intents = Array.from({ length: Math.min(64, count - at) }, () => anIntent())
        await publishIntents(bridge, intents)
      }
      await untilSealed(ledger, before + count)
      return untilSigned(bridge, before + count)
    },
    async stop() {
      await ledger.stop()
      await Promise.all(witnesses.map((witness) => witness.stop()))
    },
  }
}

async function untilSigned(bus: Bus, least: number): Promise<number> {
  return eventually(
    async () => {
      const size = Number((await checkpointOf(bus)).note?.split('\n')[1])
      return size >= least && size
    },
    { what: `a checkpoint over ${least}` },
  )
}

/** The note that the quorum has cosigned, once it covers `least` entries. */
export async function untilWitnessed(bus: Bus, least: number): Promise<string> {
  return eventually(
    async () => {
      const { witnessedNote } = await checkpointOf(bus)
      return Number(witnessedNote?.split('\n')[1]) >= least && witnessedNote
    },
    { what: `a quorum over ${least}` },
  )
}

/** What the health says of the witnesses. */
export async function witnessHealth(bus: Bus): Promise<DependencyHealth> {
  const { dependencies } = await healthOfLedger(bus)
  const found = dependencies.find(({ name }) => name === 'witnesses')
  if (found === undefined) throw new Error('the health does not tell of witnesses')
  return found
}

/** The cosignatures that are kept, by the database's own rows. */
export async function keptOf(ledger: TestLedger): Promise<{ witness: string; size: number }[]> {
  const rows = await ledger.sql<{ witness: string; size: string }>(
    'select witness, size from checkpoint_cosignatures order by size, witness',
  )
  return rows.map(({ witness, size }) => ({ witness, size: Number(size) }))
}

export async function refusalsOf(ledger: TestLedger) {
  return ledger.sql<{ witness: string; fault: string; old_size: string; size: string }>(
    'select witness, fault, old_size, size from witness_refusals order by occurred_at',
  )
}
