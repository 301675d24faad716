import type { Clock } from '@mumega/config/clock'
import { openDatabase } from '@mumega/db'
import type { Config } from '../config.ts'
import type { Checkpointer } from '../signing/checkpointer.ts'
import type { LogKey } from '../signing/log-key.ts'
import { readTimestampSettings, type TimestampSettings } from './timestamp-settings.ts'
import { startTimestamping, type Timestamping } from './timestamping.ts'
import { readWitnessPolicy, type WitnessPolicy } from './witness-policy.ts'
import { startWitnessing, type Witnessing } from './witnessing.ts'

/** Who is asked to vouch for the log, as far as that is configured. */
export interface Vouchers {
  readonly witnessPolicy: WitnessPolicy | undefined
  readonly timestampSettings: TimestampSettings | undefined
  /** The same for all who ask the same ones in the same way. */
  readonly fingerprint: string
}

/**
 * Reads who is configured.
 *
 * @throws audit-ledger.policy-unusable, audit-ledger.tsa-unusable
 */
export async function readVouchers(config: Config, { vkey }: LogKey): Promise<Vouchers> {
  const path = config.LEDGER_WITNESS_POLICY_FILE
  const witnessPolicy = path === undefined ? undefined : await readWitnessPolicy(path, vkey)
  const timestampSettings = await readTimestampSettings(config)
  return { witnessPolicy, timestampSettings, fingerprint: fingerprintOf(config, witnessPolicy) }
}

function fingerprintOf(config: Config, witnessPolicy: WitnessPolicy | undefined): string {
  const { LEDGER_TSA_URL, LEDGER_TSA_ANCHORS, LEDGER_TSA_MINUTES } = config
  const witnesses = witnessPolicy?.witnesses.map(({ name, vkey, url }) => [name, vkey, url])
  const quorum = [witnessPolicy?.policy.quorum, [...(witnessPolicy?.policy.groups ?? [])]]
  return JSON.stringify([
    witnesses,
    quorum,
    [LEDGER_TSA_URL, LEDGER_TSA_ANCHORS, LEDGER_TSA_MINUTES],
  ])
}

/** Those who vouch for the checkpoints of the ledger that leads. */
export interface Vouching {
  readonly witnessing: Witnessing | undefined
  readonly timestamping: Timestamping | undefined
  /** Gives up what is under way: safe to call twice, and at any time. */
  stop(): Promise<void>
}

const INTERVAL_MS = 5_000
const TIMEOUT_MS = 10_000
const OVERDUE_MS = 60_000

export interface VouchingOptions {
  readonly vouchers: Vouchers
  readonly checkpointer: Checkpointer
  readonly clock: Clock
}

/** Starts to ask them, on connections that nothing else uses. @throws what the database throws */
export async function startVouching(
  config: Config,
  { vouchers, checkpointer, clock }: VouchingOptions,
): Promise<Vouching> {
  const db = openDatabase(config.DATABASE_URL, { poolMax: 2 })
  const { witnessPolicy, timestampSettings: settings } = vouchers
  let witnessing: Witnessing | undefined
  try {
    witnessing =
      witnessPolicy &&
      (await startWitnessing({
        db,
        clock,
        checkpointer,
        witnessPolicy,
        intervalMs: config.LEDGER_WITNESS_INTERVAL_MS ?? INTERVAL_MS,
        timeoutMs: config.LEDGER_WITNESS_TIMEOUT_MS ?? TIMEOUT_MS,
        overdueMs: config.LEDGER_WITNESS_OVERDUE_MS ?? OVERDUE_MS,
      }))
    const timestamping = settings && (await startTimestamping({ db, checkpointer, settings }))
    let stopping: Promise<void> | undefined
    const stop = async () => {
      await Promise.all([witnessing?.stop(), timestamping?.stop()])
      await db.destroy()
    }
    return { witnessing, timestamping, stop: () => (stopping ??= stop()) }
  } catch (error) {
    await witnessing?.stop()
    await db.destroy()
    throw error
  }
}
