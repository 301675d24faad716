import { scaledClock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import type { Config } from '../config.ts'
import { BUSY_PER_SECOND, openGrowth } from '../growth.ts'
import type { Sealer } from '../sealing/sealer.ts'
import { Tampered } from '../signing/tampered.ts'
import type { SignerSettings } from '../signing/threaded-signer.ts'
import { openFindingRecord } from './finding-record.ts'
import { readOpenFindings } from './finding-repository.ts'
import { startScrubbing, type Scrubbing } from './scrubbing.ts'
import { openThreadedScrubber } from './threaded-scrubber.ts'

/**
 * Halts a sealer before it seals, and so what signs, where an altered value is on record: it must
 * not be built upon, whoever restarts the ledger.
 */
export async function haltOnFindings(db: Knex, sealer: Sealer): Promise<void> {
  const { halting, first } = await readOpenFindings(db)
  if (halting === 0 || first === undefined) return
  sealer.halt(new Tampered(`what halts the log is on record: ${first.kind} at ${first.place}`))
}

export interface ScrubbedLog {
  /** A pool that no reader can fill. */
  readonly db: Knex
  readonly sealer: Sealer
  readonly settings: Pick<SignerSettings, 'databaseUrl' | 'checkpointFile' | 'clock'>
  readonly vkey: string
}

/** Scrubs the log of the leader, and halts its sealer over what must not be built upon. */
export function scrubLog(config: Config, { db, sealer, settings, vkey }: ScrubbedLog): Scrubbing {
  const { databaseUrl, checkpointFile } = settings
  const clock = scaledClock(settings.clock)
  const growth = openGrowth()
  return startScrubbing({
    scrubber: openThreadedScrubber({ databaseUrl, checkpointFile, vkey }),
    record: openFindingRecord(db, clock),
    clock,
    entriesPerSecond: () =>
      scrubPace(
        config.LEDGER_SCRUB_ENTRIES_PER_SECOND,
        growth.perSecond(sealer.committed()?.size ?? 0),
      ),
    delayMs: config.LEDGER_SCRUB_DELAY_MS,
    passMsMin: config.LEDGER_SCRUB_PASS_MS_MIN,
    onHalting: ({ kind, place, expected, found }) => {
      sealer.halt(new Tampered(`${kind} at ${place}: ${expected} was expected, ${found} was found`))
    },
  })
}

const BUSY_SHARE = 4

/**
 * Entries a second that are scrubbed. Never none, however fast the log grows: a flood must not hide
 * an altered value. Pure.
 */
export function scrubPace(entriesPerSecond: number, grownPerSecond: number): number {
  return grownPerSecond > BUSY_PER_SECOND ? entriesPerSecond / BUSY_SHARE : entriesPerSecond
}
