import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '@mumega/config/clock'
import { logger } from '@mumega/telemetry'
import type { FindingRecord } from './finding-record.ts'
import { isHalting, SCRUBBED_KINDS, type Finding } from './finding.ts'
import type { PassEnd, ScrubStep } from './scrubber.ts'
import type { ThreadedScrubber } from './threaded-scrubber.ts'

export interface ScrubbingOptions {
  readonly scrubber: ThreadedScrubber
  readonly record: FindingRecord
  readonly clock: Clock
  /** Entries that are looked at in a second, at most, over some seconds; asked for each step. */
  entriesPerSecond(): number
  /** Before the first pass, in real milliseconds. */
  readonly delayMs: number
  /** Between the starts of two passes, at least, in real milliseconds. */
  readonly passMsMin: number
  /** Called with each finding over which the ledger must stop. */
  onHalting(finding: Finding): void
}

/** The scrubber at work: step after step, pass after pass, as fast as is allowed. */
export interface Scrubbing {
  figures(): ScrubbingFigures
  /** Why nothing is scrubbed now, or not put on record; undefined when all is well. */
  trouble(): string | undefined
  stop(): Promise<void>
}

export interface ScrubbingFigures {
  /** The entry that is looked at next, and how many this pass covers. */
  readonly scrubPosition: number
  readonly scrubSize: number
  readonly scrubEntriesPerSecond: number
  readonly scrubPasses: number
  readonly scrubFailures: number
  readonly scrubThreadsLost: number
  /** Absent before the first pass has ended. */
  readonly scrubLastPassAgeMs?: number
  readonly scrubLastPassEntries?: number
}

const RETRY_MS = 1_000
// Of a pass that is under way, its place is put on record so often.
const KEEP_MS = 5_000
// So much at least is added up before a rate is told.
const RATE_MS_MIN = 1_000

/**
 * LOCK-MON-7: scrubs until `stop()`. A finding is acted upon first and put on record then, again
 * and again until that succeeds; nothing more is read before. After a pass that judged every value,
 * findings that it did not make again are cleared.
 */
export function startScrubbing(options: ScrubbingOptions): Scrubbing {
  const { scrubber, clock } = options
  const stopping = new AbortController()
  const { signal } = stopping
  const attempts = openAttempts(signal)
  const progress = openProgress()
  const recording = openRecording(options, attempts)

  async function takeStep(startedAt: Date): Promise<ScrubStep | undefined> {
    let step: ScrubStep | undefined
    await attempts.once('the scrubber cannot read', async () => {
      step = await scrubber.step()
    })
    if (step !== undefined) await recording.add(step, startedAt)
    return step
  }

  async function runPass(): Promise<void> {
    const startedAt = clock.now()
    const startedMs = performance.now()
    for (let isOver = false; !isOver && !signal.aborted;) {
      const stepMs = performance.now()
      const step = await takeStep(startedAt)
      if (step !== undefined) progress.add(step)
      isOver = step?.ended !== undefined
      // Whether a pass that failed goes on or begins anew is the thread's affair.
      const dueMs =
        step === undefined ? RETRY_MS : (1_000 * step.looked) / options.entriesPerSecond()
      await attempts.rest(stepMs + dueMs - performance.now())
    }
    await attempts.rest(startedMs + options.passMsMin - performance.now())
  }

  async function run(): Promise<void> {
    await attempts.rest(options.delayMs)
    while (!signal.aborted) await runPass()
  }

  const running = run()

  return {
    figures: () => ({
      ...progress.figures(),
      scrubFailures: attempts.failures(),
      scrubThreadsLost: scrubber.lost(),
    }),
    trouble: attempts.trouble,
    async stop() {
      stopping.abort()
      await scrubber.close()
      await running
    },
  }
}

/** What is tried until the ledger stops; a failure is said in health until the next success. */
function openAttempts(signal: AbortSignal) {
  const log = logger('audit-ledger')
  let trouble: string | undefined
  let failures = 0

  async function rest(ms: number): Promise<void> {
    const done = pause(Math.max(0, ms), undefined, { signal })
    // Woken up to stop.
    await done.catch(() => undefined)
  }

  /** Whether it succeeded. */
  async function once(what: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      trouble = undefined
      return true
    } catch (error) {
      // The step that was under way ends with its thread.
      if (signal.aborted) return false
      failures += 1
      trouble = what
      log.error({ error }, 'scrubbing-failed')
      return false
    }
  }

  return {
    rest,
    once,
    async untilDone(what: string, work: () => Promise<unknown>): Promise<void> {
      while (!signal.aborted && !(await once(what, work))) await rest(RETRY_MS)
    },
    trouble: () => trouble,
    failures: () => failures,
  }
}

/** Acts upon what a step found, and puts that and the pass's place on record. */
function openRecording(
  { record, onHalting }: ScrubbingOptions,
  attempts: ReturnType<typeof openAttempts>,
) {
  const log = logger('audit-ledger')
  let kept = { checkpoint: 0, atMs: -KEEP_MS }
  let dropsKept = 0

  async function keepPlace({ checkpoint }: ScrubStep): Promise<void> {
    const isEarly = checkpoint > 0 && performance.now() < kept.atMs + KEEP_MS
    if (checkpoint === kept.checkpoint || isEarly) return
    await record.keepCheckpoint(checkpoint)
    kept = { checkpoint, atMs: performance.now() }
  }

  async function keepDrops({ drops }: PassEnd): Promise<void> {
    if (drops <= dropsKept) return
    await record.keepDrops(drops)
    dropsKept = drops
  }

  return {
    async add(step: ScrubStep, startedAt: Date): Promise<void> {
      const { findings, ended } = step
      findings.filter(isHalting).forEach(onHalting)
      // Where the ledger stops before it succeeds, the next pass finds it again.
      await attempts.untilDone('what the scrubber does cannot be put on record', async () => {
        for (const finding of await record.record(findings)) {
          log.error({ finding }, 'scrubbing-found')
        }
        if (ended !== undefined) await keepDrops(ended)
        if (ended?.isWhole === true) await clearAll(record, ended, startedAt)
        await keepPlace(step)
      })
    },
  }
}

async function clearAll(record: FindingRecord, { found }: PassEnd, before: Date): Promise<void> {
  while ((await record.clear({ kinds: SCRUBBED_KINDS, before, found })) > 0);
}

function openProgress() {
  const started = { position: 0, size: 0, passes: 0, rate: 0 }
  let window = { looked: 0, sinceMs: performance.now() }
  let last: { entries: number; endedMs: number } | undefined

  return {
    add({ looked, position, size, ended }: ScrubStep): void {
      started.position = position
      started.size = size
      window.looked += looked
      const nowMs = performance.now()
      if (nowMs - window.sinceMs >= RATE_MS_MIN) {
        started.rate = (1_000 * window.looked) / (nowMs - window.sinceMs)
        window = { looked: 0, sinceMs: nowMs }
      }
      if (ended === undefined) return
      started.passes += 1
      last = { entries: ended.entries, endedMs: nowMs }
    },
    figures: () => ({
      scrubPosition: started.position,
      scrubSize: started.size,
      scrubEntriesPerSecond: Math.round(started.rate),
      scrubPasses: started.passes,
      ...(last !== undefined && {
        scrubLastPassAgeMs: performance.now() - last.endedMs,
        scrubLastPassEntries: last.entries,
      }),
    }),
  }
}
