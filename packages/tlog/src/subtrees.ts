/**
 * Names the root of the full subtree of 2^`level` leaves that starts at leaf `index` × 2^`level`.
 */
export interface NodeAt {
  readonly level: number
  readonly index: number
}

/**
 * The fewest full subtrees that cover the leaves from `begin` up to `end`, the widest first.
 * `begin` is the place of a split: a multiple of a power of two at least as wide as the range, so
 * that the widest subtree that still fits always starts where it must.
 */
export function fullSubtrees(begin: number, end: number): NodeAt[] {
  const nodes: NodeAt[] = []
  let at = begin
  while (at < end) {
    const level = levelBelow(end - at)
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

/**
 * The fewest full subtrees that cover the leaves from `begin` up to `end`, wherever these stand,
 * from left to right: first ever wider ones, then ever narrower ones.
 */
export function alignedSubtrees(begin: number, end: number): NodeAt[] {
  const nodes: NodeAt[] = []
  let at = begin
  while (at < end) {
    let level = levelBelow(end - at)
    while (at % 2 ** level !== 0) level -= 1
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

/** Where a tree of `size` leaves, at least 2, splits: the largest power of two below `size`. */
export function splitOf(size: number): number {
  return 2 ** levelBelow(size - 1)
}

/** The exponent of the largest power of two up to `size`. Exact for every safe integer. */
export function levelBelow(size: number): number {
  let level = 0
  while (2 ** (level + 1) <= size) level += 1
  return level
}

/** Whether this is a number of leaves, or the place of one, that is computed exactly. */
export function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0
}
