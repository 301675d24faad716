import { CHAINS_MAX, openChainAudit } from './chain-audit.ts'
import { commitPayload, encodeEntry, type LeafEntry } from './entry.ts'
import { isChainName, type ExportFilter } from './export-filter.ts'
import { openFilterAudit } from './export-filter-audit.ts'
import { Fault, messageOf } from './export-fault.ts'
import type { EntryLine } from './export-line.ts'
import { leafHash } from './merkle.ts'
import { openRedactionAudit } from './redaction-audit.ts'
import { openSparseTree, type SparseTree } from './sparse-tree.ts'

// As the contract of a service's name has it.
const SOURCE = /^[a-z][a-z0-9-]{0,62}$/

/** The entries of one export: tree, chains, payloads and erasures. */
export function openEntries() {
  const tree = openSparseTree()
  const chains = openChainAudit()
  const filters = openFilterAudit()
  const redactions = openRedactionAudit()
  /** The first entry with neither payload nor mark of an erasure, and the first with either. */
  let [bare, disclosed]: (number | undefined)[] = []
  let [count, payloads] = [0, 0]
  let first: number | undefined
  let last: number | undefined

  function add(line: EntryLine, lineNumber: number): void {
    const { index, before } = line
    const { entry, bytes } = encoded(line, lineNumber)
    const leaf = leafHash(bytes)
    if (leaf.toString('hex') !== line.leafHash) {
      throw new Fault('diverged', `Entry ${index} does not have the leaf hash that stands by it.`)
    }
    grow(tree, index, before)
    tree.addLeaf(leaf)
    const broken = chains.add(index, { entry, bytes })
    if (broken !== undefined) throw new Fault('diverged', broken)
    if (chains.count() > CHAINS_MAX) {
      const reason = `it is of one more chain than the ${CHAINS_MAX} that are followed`
      throw new Fault('malformed', `Line ${lineNumber}, index ${index}: ${reason}.`)
    }
    if (line.disclosure !== undefined && !isCommitted(entry, line.disclosure)) {
      throw new Fault('diverged', `The payload of entry ${index} is not the one it commits to.`)
    }
    if (line.disclosure !== undefined) payloads += 1
    filters.add(index, entry)
    redactions.add(index, { entry, isRedacted: line.isRedacted })
    if (line.disclosure === undefined && !line.isRedacted) bare ??= index
    else disclosed ??= index
    first ??= index
    last = index
    count += 1
  }

  return {
    add,
    grow: (end: number, roots: readonly Buffer[]) => {
      grow(tree, end, roots)
    },
    root: () => tree.root(),
    firstUndisclosed: () => bare,
    firstDisclosed: () => disclosed,
    firstUnmarked: () => redactions.firstUnmarked(),
    hasTooManyErasures: () => redactions.isOverfull(),
    firstGap: () => chains.firstGap(),
    mismatch: (filter: ExportFilter) => filters.mismatch(filter),
    span: () => ({ count, first, last }),
    figures: () => ({
      ...{ entries: count, chains: chains.count(), spans: chains.spans(), payloads },
      redactions: redactions.figures(),
      erasuresRecorded: redactions.recorded(),
    }),
  }
}

function grow(tree: SparseTree, end: number, roots: readonly Buffer[]): void {
  try {
    tree.skipTo(end, roots)
  } catch {
    const from = tree.size()
    const reason =
      end < from
        ? `Entry ${end} stands behind entry ${from - 1}: it is there twice, or out of order.`
        : `What lies between index ${from} and ${end} is not all there.`
    throw new Fault('diverged', reason)
  }
}

function encoded({ index, entry }: EntryLine, line: number): { entry: LeafEntry; bytes: Buffer } {
  try {
    // `encodeEntry` checks every field of what it is given.
    const checked = entry as LeafEntry
    const bytes = encodeEntry(checked)
    checkNames(checked)
    return { entry: checked, bytes }
  } catch (error) {
    throw new Fault('malformed', `Line ${line}, index ${index}: ${messageOf(error)}.`)
  }
}

/** What is kept of chains and erasures are names: without a bound they could fill the memory. */
function checkNames({ chain, source }: LeafEntry): void {
  if (!isChainName(chain)) throw new TypeError("the entry's chain is no tenant's id")
  if (!SOURCE.test(source)) throw new TypeError("the entry's source is no service's name")
}

function isCommitted(
  entry: LeafEntry,
  { salt, payload }: { salt: string; payload: unknown },
): boolean {
  try {
    return commitPayload(Buffer.from(salt, 'hex'), payload).toString('hex') === entry.payload
  } catch {
    // Too large or too deep: the ledger never commits to such a payload.
    return false
  }
}
