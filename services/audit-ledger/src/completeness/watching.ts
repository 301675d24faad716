import { every } from '@mumega/config/every'
import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { Config } from '../config.ts'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { COMPLETENESS_KINDS } from '../scrubbing/finding.ts'
import {
  covers,
  gapFinding,
  givenUpFinding,
  outcomeFinding,
  readToldGaps,
  reuseFinding,
} from './findings.ts'
import { GAPS_MAX, giveUpGaps, readGaps, type Gap, type SourceGaps } from './gap-repository.ts'
import {
  boundTimes,
  readOverdueIntents,
  readToldIntents,
  TOLD_MAX,
} from './open-intent-repository.ts'
import { openHorizon, openPatience, openStandstill, type Sizes } from './patience.ts'

export interface WatchedLog {
  /** A pool that no reader can fill. */
  readonly db: Knex
  readonly record: FindingRecord
  readonly clock: Clock
  readonly sizes: () => Sizes
}

export interface WatchingFigures {
  /** Looks that succeeded since the start. */
  readonly completenessLooks: number
  /** What the last look missed: intents that are awaited still, and what is overdue. */
  readonly intentsAwaited: number
  readonly intentsMissing: number
  /** Intents whose number an earlier one of their producer had. */
  readonly numbersReused: number
  readonly outcomesMissing: number
}

/** Looks again and again for what should have come and did not. */
export interface Watching {
  figures(): WatchingFigures
  /** Why nothing is watched now; undefined when all is well. */
  trouble(): string | undefined
  stop(): Promise<void>
}

const LOOK_MS_MAX = 5_000
const LOOKS_PER_DEADLINE = 4

/**
 * LOCK-MON-6: puts each gap in a producer's numbers, and each intent without an outcome, on record
 * as a finding once it is overdue, and clears it when all that was missing is in the log.
 */
export function watchCompleteness(config: Config, watched: WatchedLog): Watching {
  const { LEDGER_GAP_MS: gapMs, LEDGER_OUTCOME_MS: outcomeMs } = config
  const log = logger('audit-ledger')
  const lookMs = Math.min(LOOK_MS_MAX, Math.min(gapMs, outcomeMs) / LOOKS_PER_DEADLINE)
  // What is missing is told of what is projected: when nothing is, nothing new can be told.
  const isStanding = openStandstill(gapMs)
  const lookAround = openLook(watched, { gapMs, outcomeMs })
  let missed = { intentsAwaited: 0, intentsMissing: 0, numbersReused: 0, outcomesMissing: 0 }
  let completenessLooks = 0
  let trouble: string | undefined

  function standstillIn(sizes: Sizes): string | undefined {
    if (!isStanding(sizes, performance.now())) return undefined
    const { committed, projected } = sizes
    return `of ${committed} entries only ${projected} are looked at: the projection stands still`
  }

  async function look(): Promise<void> {
    try {
      missed = await lookAround()
      completenessLooks += 1
      trouble = standstillIn(watched.sizes())
    } catch (error) {
      trouble = 'what is missing cannot be read or put on record; the log says why'
      log.warn({ error }, 'watching-failed')
    }
  }

  const looking = every(lookMs, look)
  return {
    figures: () => ({ completenessLooks, ...missed }),
    trouble: () => trouble,
    stop: looking.stop,
  }
}

interface Deadlines {
  /** How long a number may be missing, in real milliseconds. */
  readonly gapMs: number
  /** How long an outcome may be missing, in milliseconds of the clock. */
  readonly outcomeMs: number
}

function openLook({ db, record, clock, sizes }: WatchedLog, { gapMs, outcomeMs }: Deadlines) {
  const patience = openPatience(gapMs)
  const horizon = openHorizon()

  async function lookForGaps(known: Sizes) {
    const sources = await readGaps(db)
    const gaps = sources.flatMap((source) => source.gaps)
    const late = new Set(patience.overdue(gaps, known, performance.now()))
    for (const source of sources) {
      const beyond = source.gaps[GAPS_MAX]
      if (beyond !== undefined && late.has(beyond)) await giveUpGaps(db, beyond)
    }
    // What was told once stays one finding until all of it has come, however it splits meanwhile.
    const told = (await readToldGaps(db)).filter((gap) => isMissing(gap, sources))
    const overdue = sources
      .flatMap((source) => source.gaps.slice(0, GAPS_MAX))
      .filter((gap) => late.has(gap))
    const fresh = overdue.filter((gap) => !told.some((other) => covers(other, gap)))
    const givenUp = sources.filter((source) => source.givenUp > 0)
    const missing = countOf(overdue)
    return {
      findings: [
        ...[...told, ...fresh].map((gap) => gapFinding(gap, gapMs)),
        ...givenUp.map(givenUpFinding),
        ...sources.flatMap(({ source, reuse }) => (reuse ? [reuseFinding(source, reuse)] : [])),
      ],
      intentsAwaited: countOf(gaps) - missing,
      intentsMissing: givenUp.reduce((sum, source) => sum + source.givenUp, missing),
      numbersReused: sources.reduce((sum, { reuse }) => sum + (reuse?.count ?? 0), 0),
    }
  }

  async function lookForOutcomes(now: Date, known: Sizes) {
    const told = await readToldIntents(db)
    const reached = horizon(now, known)
    const places = new Set(told.map(({ id, source }) => `${source} ${id}`))
    const overdue =
      reached === undefined
        ? []
        : await readOverdueIntents(db, new Date(reached.getTime() - outcomeMs))
    const fresh = overdue
      .filter(({ id, source }) => !places.has(`${source} ${id}`))
      .slice(0, Math.max(0, TOLD_MAX - told.length))
    return [...told, ...fresh].map((intent) => outcomeFinding(intent, outcomeMs))
  }

  return async () => {
    // Before anything is read, which then shows at least what is projected by now.
    const known = sizes()
    const now = clock.now()
    await boundTimes(db, now)
    const { findings, ...counted } = await lookForGaps(known)
    const outcomes = await lookForOutcomes(now, known)
    const found = [...findings, ...outcomes]
    await record.record(found)
    await record.clear({ kinds: COMPLETENESS_KINDS, found })
    return { ...counted, outcomesMissing: outcomes.length }
  }
}

/** Whether any number of what was told is missing still. */
function isMissing(gap: Gap, sources: readonly SourceGaps[]): boolean {
  const gaps = sources.find(({ source }) => source === gap.source)?.gaps ?? []
  const last = gaps.at(-1)
  // Behind what one look shows it is not known.
  if (last !== undefined && gaps.length > GAPS_MAX && gap.last > last.last) return true
  return gaps.some(({ first, last: end }) => first <= gap.last && end >= gap.first)
}

function countOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}
