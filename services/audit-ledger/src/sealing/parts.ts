/** How much of a group is tried in one commit. */
export interface Parts {
  atOnceMax(): number
  onPassed(): void
  onFailure(): void
}

/**
 * Everything at first, and half after each failure: over a slow network a whole group may never
 * pass in time. A database that was away fails the smallest part, too; so it becomes twice as much
 * again with each that passes, until one fails that is larger than what had passed. Pure.
 */
export function openParts(count: number): Parts {
  let atOnceMax = count
  let hasPassed = false
  let isGrowing = true
  return {
    atOnceMax: () => atOnceMax,
    onPassed() {
      hasPassed = true
      if (isGrowing) atOnceMax = Math.min(count, atOnceMax * 2)
    },
    onFailure() {
      if (hasPassed) isGrowing = false
      atOnceMax = Math.ceil(atOnceMax / 2)
    },
  }
}
