import type { Clock } from '@mumega/config/clock'
import { logger } from '@mumega/telemetry'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { COPY_KINDS, isHalting, type Finding } from '../scrubbing/finding.ts'

/** A whole round over the copies of one place. */
export interface Round {
  readonly startedAt: Date
  readonly found: readonly Finding[]
}

/** Acts upon what copies tell, and puts it on record. */
export interface CopyFindings {
  now(): Date
  /** Halts first where it must, and puts on record what is not there already. */
  report(findings: readonly Finding[]): Promise<void>
  /**
   * Clears what was not found again, once each place had a whole round: findings of one place say
   * nothing of another.
   */
  endRound(place: string, round: Round): Promise<void>
  /** A place that is not looked at any more; its last round does not count. */
  forget(place: string): void
}

export interface CopyFindingsOptions {
  readonly record: Pick<FindingRecord, 'record' | 'clear'>
  readonly clock: Clock
  /** How many there are. */
  readonly places: number
  onHalting(finding: Finding): void
}

export function openCopyFindings(options: CopyFindingsOptions): CopyFindings {
  const { record, clock, places } = options
  const log = logger('audit-ledger')
  const ended = new Map<string, Round>()

  return {
    now: () => clock.now(),
    async report(findings) {
      findings.filter(isHalting).forEach((finding) => {
        options.onHalting(finding)
      })
      for (const finding of await record.record(findings)) {
        log.error({ finding }, 'anchor-copy-differs')
      }
    },
    async endRound(place, round) {
      ended.set(place, round)
      if (ended.size < places) return
      const rounds = [...ended.values()]
      const before = new Date(Math.min(...rounds.map(({ startedAt }) => startedAt.getTime())))
      const found = rounds.flatMap((each) => each.found)
      while ((await record.clear({ kinds: COPY_KINDS, before, found })) > 0);
      ended.clear()
    },
    forget: (place) => void ended.delete(place),
  }
}
