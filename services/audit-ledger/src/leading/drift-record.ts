import { logger } from '@mumega/telemetry'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { PAIR_KINDS, type Finding } from '../scrubbing/finding.ts'
import type { Drift } from './instance-repository.ts'
import type { Pair } from './pair.ts'

/**
 * Puts each difference between the ledgers of a pair on record as a finding, and clears it when it
 * is over. What fails is tried again with the next heartbeat. Returns what ends it.
 */
export function recordDrift(pair: Pair, record: FindingRecord): () => Promise<void> {
  const log = logger('audit-ledger')
  let recorded: string | undefined
  let working: Promise<void> = Promise.resolve()
  let isWorking = false

  async function write(drift: readonly Drift[]): Promise<void> {
    const findings = drift.map(findingOf)
    await record.record(findings)
    await record.clear({ kinds: PAIR_KINDS, found: findings })
    recorded = JSON.stringify(drift)
  }

  const forget = pair.onBeat((drift) => {
    if (isWorking || recorded === JSON.stringify(drift)) return
    isWorking = true
    working = write(drift)
      .catch((error: unknown) => {
        log.warn({ error }, 'drift-not-recorded')
      })
      .finally(() => {
        isWorking = false
      })
  })
  return async () => {
    forget()
    await working
  }
}

function findingOf({ what, otherId, own, other }: Drift): Finding {
  const place = `${what} of the instance ${otherId}`
  return { kind: 'ha-pair-rollout-drift', place, expected: own, found: other }
}
