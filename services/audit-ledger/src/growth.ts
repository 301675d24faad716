/** Entries a second from which on sealing needs the machine, and what is not urgent gives way. */
export const BUSY_PER_SECOND = 5_000

/** How fast the log grows, from one look to the next. */
export function openGrowth() {
  let seen: { size: number; atMs: number } | undefined
  return {
    perSecond(size: number): number {
      const atMs = performance.now()
      const before = seen ?? { size, atMs }
      seen = { size, atMs }
      const spanMs = Math.max(1, atMs - before.atMs)
      return ((size - before.size) * 1_000) / spanMs
    },
  }
}
