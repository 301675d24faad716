import { hash, randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { versionOf } from '@mumega/config/version'
import { bucketFingerprint } from '../anchoring/place-settings.ts'
import type { Config } from '../config.ts'
import type { LogKey } from '../signing/log-key.ts'
import type { Vouchers } from '../witnessing/vouchers.ts'

/** What a ledger is made of, as the others compare it. */
export interface Instance {
  readonly instanceId: string
  readonly version: string
  /** Hex SHA-256 over what all instances must be told alike. */
  readonly configHash: string
  /** The newest migration that its program knows. */
  readonly schemaVersion: string
}

const PACKAGE = new URL('../../../', import.meta.url)

export const VERSION = versionOf(new URL('package.json', PACKAGE))

export function describeInstance(
  config: Config,
  { key, vouchers }: { key: LogKey; vouchers: Pick<Vouchers, 'fingerprint'> },
): Instance {
  // Where a ledger finds its parts may differ from machine to machine; what it does may not.
  const shared = {
    vkey: key.vkey,
    vouchers: vouchers.fingerprint,
    anchorBucket: bucketFingerprint(config),
    leaseMs: config.LEDGER_LEASE_MS,
    scrubbing: [
      config.LEDGER_SCRUB_ENTRIES_PER_SECOND,
      config.LEDGER_SCRUB_DELAY_MS,
      config.LEDGER_SCRUB_PASS_MS_MIN,
    ],
    witnessing: [
      config.LEDGER_WITNESS_INTERVAL_MS,
      config.LEDGER_WITNESS_TIMEOUT_MS,
      config.LEDGER_WITNESS_OVERDUE_MS,
    ],
    gapMs: config.LEDGER_GAP_MS,
    outcomeMs: config.LEDGER_OUTCOME_MS,
    timeScale: config.MUMEGA_TIME_SCALE,
    timeOriginMs: config.MUMEGA_TIME_ORIGIN_MS,
  }
  return {
    instanceId: randomUUID(),
    version: VERSION,
    configHash: hash('sha256', JSON.stringify(shared), 'hex'),
    schemaVersion: newestMigration(),
  }
}

function newestMigration(): string {
  const names = readdirSync(new URL('migrations/', PACKAGE)).filter((name) => name.endsWith('.sql'))
  const newest = names.sort().at(-1)
  if (newest === undefined) throw new Error('the ledger has no migrations')
  return newest
}
