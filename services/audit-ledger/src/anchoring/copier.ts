import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { Finding } from '../scrubbing/finding.ts'
import { copyName, PlaceFault, type AnchorPlace } from './anchor-place.ts'
import { findNewestAnchor, listAnchors, type CopiedAnchor } from './anchor-repository.ts'
import { compareCopy, isSigned, missingCopy, type NoteOpener } from './compare-copy.ts'
import type { CopyFindings } from './copy-findings.ts'
import { findStart } from './find-start.ts'

// Copies may lag, sealing may not: at most an eighth of the time goes into a place.
const RESTS_PER_WORK = 7
const BATCH_COPIES = 16
// One round reports so many; with more it clears nothing.
const FOUND_MAX = 100

export interface CopierOptions {
  readonly place: AnchorPlace
  /** A pool that no reader can fill. */
  readonly db: Knex
  readonly openNote: NoteOpener
  readonly findings: CopyFindings
  /** Real milliseconds between two looks for a new anchor, and before a failure is tried again. */
  readonly restMs: number
}

/** Copies anchors to one place, oldest first, and reads them again later. */
export interface Copier {
  /** Resolves after the first look at what stands there already, or its failure. */
  readonly looked: Promise<void>
  figures(): CopierFigures
  /** Why nothing is copied now; undefined when all is well. */
  trouble(): string | undefined
  /** Gives up what is under way. */
  stop(): Promise<void>
}

export interface CopierFigures {
  /** Anchors that are copied, up to this one without a gap. */
  readonly copied: number
  readonly waiting: number
  /** For how long nothing was copied though something waits, in real milliseconds. */
  readonly lagMs: number
  readonly failures: number
  /** Whole rounds in which every copy was read again. */
  readonly rounds: number
}

/**
 * Copies what is not there yet, again and again until `stop()`. Where a copy tells another history
 * than the database, nothing more is copied there until the two agree.
 */
export function startCopier(options: CopierOptions): Copier {
  const { place, findings, restMs } = options
  const log = logger('audit-ledger')
  const stopping = new AbortController()
  const { signal } = stopping
  const work = openWork(options, signal)
  let [failures, failuresInRow] = [0, 0]
  let trouble: string | undefined

  function onFailure(error: unknown): void {
    if (signal.aborted) return
    failures += 1
    failuresInRow += 1
    const isKnown = error instanceof PlaceFault
    trouble = isKnown ? error.message : 'the anchors cannot be read; see the log of the ledger'
    log.warn({ error, place: place.name }, 'anchors-not-copied')
  }

  /** How long to rest then, in milliseconds. */
  async function attempt(): Promise<number> {
    const startedMs = performance.now()
    try {
      const isBusy = await work.step()
      failuresInRow = 0
      trouble = undefined
      return isBusy ? (performance.now() - startedMs) * RESTS_PER_WORK : restMs
    } catch (error) {
      onFailure(error)
      const grownMs = restMs * 2 ** Math.min(failuresInRow, 16)
      return Math.min(grownMs, place.backOffMsMax) * (1 + Math.random() / 5)
    }
  }

  async function run(onLooked: () => void): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await attempt()
      onLooked()
      if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  let running = Promise.resolve()
  const looked = new Promise<void>((resolve) => {
    running = run(resolve)
  })

  return {
    looked,
    figures: () => ({ ...work.figures(), failures }),
    trouble: () => describe(place, trouble, work.held()),
    async stop() {
      stopping.abort()
      await running
      findings.forget(place.name)
    },
  }
}

/** One step after the other: what is new is copied first, then some copies are read again. */
function openWork(options: CopierOptions, signal: AbortSignal) {
  const { place, db, findings } = options
  const progress = openProgress()
  const copies = openCopies(options, signal)
  const rereading = openRereading(options, copies, signal)
  let position: number | undefined
  let lookDueMs = 0

  async function begin(): Promise<void> {
    await place.open(signal)
    const start = await findStart(options, signal)
    if (typeof start === 'number') position = start
    copies.hold(typeof start === 'number' ? undefined : start)
    if (typeof start === 'object') await findings.report([start])
  }

  return {
    held: copies.held,
    figures: () => ({ ...progress.figures(), rounds: rereading.rounds() }),
    /** Whether something was copied, and so more may wait. */
    async step(): Promise<boolean> {
      const newest = await findNewestAnchor(db)
      // Before the place is asked: what waits for it is to be seen in health.
      progress.seen(newest, position ?? 0)
      if (position === undefined) await begin()
      if (position === undefined) return false
      const before = position
      const onCopied = (anchor: number) => {
        position = anchor
        progress.seen(newest, anchor)
      }
      onCopied(before)
      if (newest > before) await copies.copyBehind(before, onCopied)
      if (performance.now() >= lookDueMs) {
        lookDueMs = performance.now() + place.lookMs
        await rereading.look(position, copies.held())
      }
      return position > before
    },
  }
}

function describe(
  { name }: AnchorPlace,
  trouble: string | undefined,
  held: Finding | undefined,
): string | undefined {
  if (trouble !== undefined) return `the ${name} for anchors ${trouble}`
  return held && `${held.kind} at ${held.place}: ${held.found}`
}

type Copies = ReturnType<typeof openCopies>

/** Makes copies, and knows over which of them nothing more is copied. */
function openCopies({ place, db, openNote, findings }: CopierOptions, signal: AbortSignal) {
  const known = { placeName: place.name, openNote }
  let held: Finding | undefined

  /** What is amiss with it after it was copied. */
  async function copyOne(anchor: CopiedAnchor): Promise<Finding | undefined> {
    if (!isSigned(anchor, openNote)) {
      const reason = 'what the database has is not what the log’s key signed'
      throw new PlaceFault(`gets no anchor ${anchor.anchor}: ${reason}`)
    }
    const bytes = Buffer.from(anchor.note)
    const found = await place.keep(copyName(anchor.anchor), bytes, signal)
    if (found === undefined) throw new PlaceFault('does not keep what it took')
    return compareCopy(anchor, found, known)
  }

  return {
    copyOne,
    held: () => held,
    hold: (finding: Finding | undefined) => void (held = finding),
    /** Copies some that are behind `position`, and tells how far all are copied. */
    async copyBehind(position: number, onCopied: (anchor: number) => void): Promise<void> {
      const anchors = await listAnchors(db, { after: position, limit: BATCH_COPIES })
      for (let at = 0; at < anchors.length && !signal.aborted; at += place.width) {
        const some = anchors.slice(at, at + place.width)
        const outcomes = await Promise.allSettled(some.map((anchor) => copyOne(anchor)))
        for (const [nth, outcome] of outcomes.entries()) {
          if (outcome.status === 'rejected') throw outcome.reason
          const finding = outcome.value
          if (finding !== undefined) await findings.report([finding])
          held = finding?.kind === 'anchor-forked' ? finding : undefined
          if (held !== undefined) return
          // One that the database lost is the scrubber's to report.
          onCopied(some[nth]?.anchor ?? position)
        }
      }
    },
  }
}

/** Reads copies again, some at each look, round after round. */
function openRereading(options: CopierOptions, copies: Copies, signal: AbortSignal) {
  const { place, db, openNote, findings } = options
  let rounds = 0
  let round = newRound()

  async function note(finding: Finding | undefined): Promise<void> {
    if (finding === undefined || round.found.length === FOUND_MAX) return
    await findings.report([finding])
    round.found.push(finding)
  }

  async function lookAt(anchor: CopiedAnchor): Promise<Finding | undefined> {
    const copy = await place.read(copyName(anchor.anchor), signal)
    if (copy !== undefined) return compareCopy(anchor, copy, { placeName: place.name, openNote })
    // Reported first, although it is made again at once: somebody removed it.
    const finding = missingCopy(anchor, place.name)
    await note(finding)
    return copies.copyOne(anchor)
  }

  return {
    rounds: () => rounds,
    async look(position: number, held: Finding | undefined): Promise<void> {
      const limit = Math.min(place.lookCopies, position - round.at)
      const anchors = await listAnchors(db, { after: round.at, limit: Math.max(0, limit) })
      for (const anchor of anchors) {
        await note(await lookAt(anchor))
        round.at = anchor.anchor
      }
      if (anchors.length === limit && round.at < position) return
      const found = held === undefined ? round.found : [...round.found, held]
      if (round.found.length < FOUND_MAX) {
        await findings.endRound(place.name, { startedAt: round.startedAt, found })
      }
      rounds += 1
      round = newRound()
    },
  }

  function newRound(): { startedAt: Date; at: number; found: Finding[] } {
    return { startedAt: findings.now(), at: 0, found: [] }
  }
}

/** How far copying is, and for how long something has waited. */
function openProgress() {
  let [copied, newest] = [0, 0]
  let sinceMs: number | undefined

  return {
    seen(nowNewest: number, nowCopied: number): void {
      if (nowCopied >= nowNewest) sinceMs = undefined
      else if (sinceMs === undefined || nowCopied > copied) sinceMs = performance.now()
      copied = nowCopied
      newest = nowNewest
    },
    figures: () => ({
      copied,
      waiting: Math.max(0, newest - copied),
      lagMs: sinceMs === undefined ? 0 : performance.now() - sinceMs,
    }),
  }
}
