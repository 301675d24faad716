import type { Connection } from '../connection.ts'
import { decodeFound } from './chain-end-check.ts'
import { DROPS_PAGE, readDrops, type StoredDrop } from './drop-repository.ts'
import type { Pass } from './pass.ts'

type DropTools = Pick<Pass, 'findings' | 'doubtful' | 'isMissing'>

/** The drop-records of one pass, page by page. */
export interface DropsCheck {
  /** Reads and checks one page; throws what the database throws, and can be called again then. */
  next(tools: DropTools): Promise<{ looked: number; isOver: boolean }>
  /** How many it has looked at. */
  seen(): number
}

/**
 * LOCK-MON-6: a drop-record that says it was resolved hides no loss, and none is gone.
 *
 * @param least how many there were before
 */
export function openDropsCheck(connection: Connection, least: number): DropsCheck {
  let last: string | undefined
  let seen = 0

  return {
    async next(tools) {
      const drops = await readDrops(connection, last)
      for (const drop of drops) checkDrop(tools, drop)
      seen += drops.length
      last = drops.at(-1)?.dropId ?? last
      const isOver = drops.length < DROPS_PAGE
      if (isOver && seen < least) {
        const expected = `${least} at least`
        tools.findings.report({
          ...{ kind: 'drops-missing', place: 'drops', expected, found: `${seen}` },
        })
      }
      return { looked: drops.length, isOver }
    },
    seen: () => seen,
  }
}

/** Compares a drop that is said to be resolved with the entry that it names. */
function checkDrop({ findings, doubtful, isMissing }: DropTools, drop: StoredDrop): void {
  if (!drop.isResolved) return
  const { index, batchIndex } = drop
  const isInDoubt = batchIndex !== undefined && doubtful.has(batchIndex)
  if (isInDoubt || (index !== undefined && isMissing(index))) {
    findings.hide()
    return
  }
  const found = whyUnresolved(drop)
  if (found === undefined) return
  findings.report({
    kind: 'drop-altered',
    place: `drop ${drop.dropId}`,
    expected: resolving(drop),
    found,
  })
}

/**
 * Why the entry is not the one that came after all, or undefined where it is: the database asks the
 * same when the drop is resolved (`0075`).
 */
function whyUnresolved(drop: StoredDrop): string | undefined {
  const { index, bytes, logSize } = drop
  if (index === undefined) return 'no entry'
  const entry = decodeFound(bytes)
  if (entry === undefined) return `entry ${index}, which is none`
  if (entry.source !== drop.source || entry.id !== drop.id) {
    return `entry ${index}, of ${entry.source}/${entry.id}`
  }
  if (logSize !== undefined && index >= logSize) return undefined
  // An erasure takes the hashes: then nothing but the name is left to compare.
  if (drop.hasSameHash || drop.isErased) return undefined
  return `entry ${index}, which stood before it with another hash`
}

function resolving({ source, id, logSize }: StoredDrop): string {
  if (id === undefined) return 'unresolved, as its id is not known'
  const behind = logSize === undefined ? '' : `from ${logSize} on, or `
  return `an entry of ${source}/${id}, ${behind}with the same hash`
}
