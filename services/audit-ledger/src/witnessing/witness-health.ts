import type { Policy } from '@mumega/tlog/policy'
import type { ServedCheckpoint } from './cosigned.ts'
import type { WitnessState } from './witness-loop.ts'

export interface WitnessingFigures {
  witnesses: number
  /** Entries of the newest checkpoint that the quorum has cosigned. */
  cosignedSize: number
  /** For how long a checkpoint has waited for its quorum. */
  cosignedLagMs: number
  witnessFailures: number
  witnessRefusals: number
}

export interface WitnessingSeen {
  readonly policy: Policy
  readonly witnesses: readonly (WitnessState & { readonly name: string })[]
  readonly newest: ServedCheckpoint | undefined
  /** Entries of the newest checkpoint. */
  readonly size: number
  readonly waitedMs: number
  readonly overdueMs: number
}

export function figuresOf({ witnesses, newest, waitedMs }: WitnessingSeen): WitnessingFigures {
  return {
    witnesses: witnesses.length,
    cosignedSize: newest?.size ?? 0,
    cosignedLagMs: waitedMs,
    witnessFailures: witnesses.reduce((sum, { failures }) => sum + failures, 0),
    witnessRefusals: witnesses.reduce((sum, { refusals }) => sum + refusals, 0),
  }
}

/** Refusals at once, a missing quorum once it is overdue; undefined where there is neither. */
export function describeWitnessing(seen: WitnessingSeen): string | undefined {
  const { policy, witnesses, newest, size, waitedMs, overdueMs } = seen
  const refusals = witnesses.flatMap(({ name, trouble }) =>
    trouble?.isRefusal === true ? [`${name} refused: ${trouble.reason}`] : [],
  )
  const said = [...refusals]
  if (policy.quorum !== undefined && waitedMs > overdueMs) {
    const cosignedSize = newest?.size ?? 0
    const waitedSeconds = Math.round(waitedMs / 1_000)
    said.push(
      `the quorum ${policy.quorum} has cosigned ${cosignedSize} of ${size} entries, and nothing ` +
        `newer for ${waitedSeconds} s`,
      ...witnesses.flatMap(({ name, trouble }) =>
        trouble?.isRefusal === false ? [`${name}: ${trouble.reason}`] : [],
      ),
    )
  }
  return said.length === 0 ? undefined : said.join('; ')
}
