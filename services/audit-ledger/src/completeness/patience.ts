import { covers } from './findings.ts'
import type { Gap } from './gap-repository.ts'

/** Entries that are committed, and up to which of them the projection has come. */
export interface Sizes {
  readonly committed: number
  readonly projected: number
}

interface Noticed extends Gap {
  readonly sinceMs: number
  /** What was committed when it became too old: it may be in there. */
  readonly dueSize?: number
}

/**
 * Tells the gaps that stay from those that close by themselves: intents overtake each other, and
 * what is in the log may not be projected yet.
 */
export function openPatience(gapMs: number) {
  let noticed: Noticed[] = []

  return {
    /**
     * Those of these that were there for long enough, and so far back in the log. `nowMs` is real
     * time that only goes forward.
     */
    overdue(gaps: readonly Gap[], { committed, projected }: Sizes, nowMs: number): Gap[] {
      const before = noticed
      noticed = gaps.map((gap) => {
        // What is left of a gap is as old as it was.
        const { sinceMs, dueSize } = before.find((other) => covers(other, gap)) ?? {
          sinceMs: nowMs,
        }
        if (nowMs - sinceMs < gapMs) return { ...gap, sinceMs }
        return { ...gap, sinceMs, dueSize: dueSize ?? committed }
      })
      return gaps.filter((_, nth) => projected >= (noticed[nth]?.dueSize ?? Infinity))
    },
  }
}

const MARKS_MAX = 1_000

/** The latest moment of which it is known that all that was committed by then is projected. */
export function openHorizon(): (now: Date, sizes: Sizes) => Date | undefined {
  let marks: { at: Date; size: number }[] = []
  let reached: Date | undefined

  return (now, { committed, projected }) => {
    if (marks.length < MARKS_MAX) marks.push({ at: now, size: committed })
    reached = marks.findLast(({ size }) => size <= projected)?.at ?? reached
    marks = marks.filter(({ size }) => size > projected)
    return reached
  }
}

/** Tells whether the projection stands still for this long, though more is committed. */
export function openStandstill(boundMs: number): (sizes: Sizes, nowMs: number) => boolean {
  let moved: { projected: number; atMs: number } | undefined

  return ({ committed, projected }, nowMs) => {
    if (moved?.projected !== projected || projected >= committed) {
      moved = { projected, atMs: nowMs }
    }
    return nowMs - moved.atMs > boundMs
  }
}
