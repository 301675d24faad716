import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { Config } from '../config.ts'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { COMPLETENESS_KINDS, type Finding } from '../scrubbing/finding.ts'
import { GAPS_MAX, giveUpGaps, readGaps, type Gap, type SourceGaps } from './gap-repository.ts'
import { readOverdueIntents, type OpenIntent } from './open-intent-repository.ts'

export interface WatchedLog {
  /** A pool that no reader can fill. */
  readonly db: Knex
  readonly record: FindingRecord
  readonly clock: Clock
  /** Entries that are committed, and up to which of them the projection has come. */
  readonly sizes: () => { committed: number; projected: number }
}

interface Deadlines {
  /** How long a number may be missing, in real milliseconds. */
  readonly gapMs: number
  /** How long an outcome may be missing, in milliseconds of the clock. */
  readonly outcomeMs: number
}

/** Looks again and again for what should have come and did not. */
export interface Watching {
  /** What the last look missed: intents that are awaited still, and what is overdue. */
  figures(): { intentsAwaited: number; intentsMissing: number; outcomesMissing: number }
  /** Why nothing is watched now; undefined when all is well. */
  trouble(): string | undefined
  stop(): Promise<void>
}

const LOOK_MS_MAX = 5_000
const LOOKS_PER_DEADLINE = 4

/**
 * LOCK-MON-6: puts each gap in a producer's numbers, and each intent without an outcome, on record
 * as a finding once it is overdue, and clears it when what was missing is in the log.
 */
export function watchCompleteness(config: Config, watched: WatchedLog): Watching {
  const options = { ...watched, gapMs: config.LEDGER_GAP_MS, outcomeMs: config.LEDGER_OUTCOME_MS }
  const log = logger('audit-ledger')
  const stopping = new AbortController()
  const { signal } = stopping
  const { gapMs, outcomeMs } = options
  const lookMs = Math.min(LOOK_MS_MAX, Math.min(gapMs, outcomeMs) / LOOKS_PER_DEADLINE)
  const patience = openPatience(options)
  let figures = { intentsAwaited: 0, intentsMissing: 0, outcomesMissing: 0 }
  let trouble: string | undefined

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        figures = await look(options, patience)
        trouble = undefined
      } catch (error) {
        trouble = 'what is missing cannot be read or put on record; the log says why'
        log.warn({ error }, 'watching-failed')
      }
      // Woken up to stop.
      await pause(lookMs, undefined, { signal }).catch(() => undefined)
    }
  }

  const running = run()
  return {
    figures: () => figures,
    trouble: () => trouble,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

async function look(
  { db, record, clock, gapMs, outcomeMs }: WatchedLog & Deadlines,
  patience: ReturnType<typeof openPatience>,
) {
  const sources = await readGaps(db)
  const gaps = sources.flatMap((source) => source.gaps)
  const late = new Set(patience.overdue(gaps))
  for (const source of sources) {
    const beyond = source.gaps[GAPS_MAX]
    if (beyond !== undefined && late.has(beyond)) await giveUpGaps(db, beyond)
  }
  const told = sources.flatMap((source) => source.gaps.slice(0, GAPS_MAX))
  const overdue = told.filter((gap) => late.has(gap))
  const intents = await readOverdueIntents(db, new Date(clock.now().getTime() - outcomeMs))
  const others = [
    ...sources.filter(({ givenUp }) => givenUp > 0).map(givenUpFinding),
    ...intents.map((intent) => outcomeFinding(intent, outcomeMs)),
  ]
  await record.record([...overdue.map((gap) => gapFinding(gap, gapMs)), ...others])
  // A gap that an earlier leader told is there still, though this one is patient with it.
  const found = [...told.map((gap) => gapFinding(gap, gapMs)), ...others]
  await record.clear({ kinds: COMPLETENESS_KINDS, found })
  const givenUp = sources.reduce((sum, source) => sum + source.givenUp, 0)
  const missing = countOf(overdue)
  return {
    intentsAwaited: countOf(gaps) - missing,
    intentsMissing: missing + givenUp,
    outcomesMissing: intents.length,
  }
}

function countOf(gaps: readonly Gap[]): number {
  return gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

/**
 * Tells the gaps that stay from those that close by themselves: intents overtake each other, and
 * what is in the log may not be projected yet.
 */
function openPatience({ gapMs, sizes }: Pick<WatchedLog & Deadlines, 'gapMs' | 'sizes'>) {
  let noticed = new Map<string, { sinceMs: number; dueSize?: number }>()

  return {
    /** Those of these that were there for long enough, and so far back in the log. */
    overdue(gaps: readonly Gap[]): Gap[] {
      const { committed, projected } = sizes()
      const nowMs = performance.now()
      noticed = new Map(
        gaps.map((gap) => {
          const key = keyOf(gap)
          const { sinceMs, dueSize } = noticed.get(key) ?? { sinceMs: nowMs }
          if (nowMs - sinceMs < gapMs) return [key, { sinceMs }]
          return [key, { sinceMs, dueSize: dueSize ?? committed }]
        }),
      )
      return gaps.filter((gap) => projected >= (noticed.get(keyOf(gap))?.dueSize ?? Infinity))
    },
  }
}

function keyOf({ source, first, last }: Gap): string {
  return `${source} ${first} ${last}`
}

function gapFinding({ source, first, last }: Gap, gapMs: number): Finding {
  const count = last - first + 1
  return {
    kind: 'intents-missing',
    place: count === 1 ? `${source}, number ${first}` : `${source}, numbers ${first} to ${last}`,
    expected: count === 1 ? 'an intent' : `${count} intents`,
    found: `none within ${gapMs / 1_000} s of later ones`,
  }
}

function givenUpFinding({ source, givenUp }: SourceGaps): Finding {
  return {
    kind: 'intents-missing',
    place: `${source}, in more than ${GAPS_MAX} places`,
    expected: 'numbers without gaps',
    found: `${givenUp} more were missing when they became too many to tell`,
  }
}

function outcomeFinding({ source, id, index }: OpenIntent, outcomeMs: number): Finding {
  return {
    kind: 'outcome-missing',
    place: `intent ${source}/${id} at entry ${index}`,
    expected: `an outcome within ${outcomeMs / 1_000} s`,
    found: 'none',
  }
}
