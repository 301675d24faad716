import { exportEntries, type AuditFilters } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import type { LeafEntry } from '@mumega/tlog/entry'
import { openSparseTree, type SparseTree } from '@mumega/tlog/sparse-tree'
import type { Gateway } from '../app.ts'
import { readLiveToken } from '../authentication.ts'
import type { Session } from '../session.ts'
import type { ExportedEntry, ExportFormat } from './format.ts'

export interface ExportOrder {
  readonly session: Session
  readonly context: CallContext
  readonly filters: AuditFilters
  readonly disclose: boolean
  readonly format: ExportFormat
  /** The newest signed note; undefined while the log is empty. */
  readonly checkpoint: string | undefined
}

type Part = ReplyOf<typeof exportEntries>

// At most so many entries are in memory for one reader.
const PART = 100

/**
 * Starts an export: reads its first part, so that what refuses it is still an answer. The lines
 * come as they are asked for, one part of the log in memory at a time. They end with the trailer
 * only where everything adds up to the signed root.
 *
 * @throws as `readLiveToken` and `exportEntries`
 */
export async function openExport(
  gateway: Gateway,
  order: ExportOrder,
): Promise<AsyncGenerator<string>> {
  const size = sizeOf(order.checkpoint)
  const first = await readPart(gateway, order, { size, begin: 0 })
  return writeLines(gateway, order, { first, size })
}

async function* writeLines(
  gateway: Gateway,
  order: ExportOrder,
  { first, size }: { first: Part; size: number },
): AsyncGenerator<string> {
  const { format, checkpoint, filters, disclose } = order
  const tree = openSparseTree()
  let [count, firstIndex, lastIndex] = [0, -1, -1]
  yield format.begin()
  for (let part = first; ; part = await readPart(gateway, order, { size, begin: lastIndex + 1 })) {
    for (const exported of part.entries) {
      grow(tree, exported)
      if (count === 0) firstIndex = exported.index
      lastIndex = exported.index
      count += 1
      yield format.line(readable(exported, disclose))
    }
    if (part.next !== undefined) continue
    const after = part.after ?? []
    tree.skipTo(size, after.map(bytesOf))
    checkRoot(tree, checkpoint)
    const span = count === 0 ? {} : { firstIndex, lastIndex }
    const proof = { size, after, ...(checkpoint !== undefined && { checkpoint }) }
    const exportedAt = gateway.clock.now().toISOString()
    yield format.end({ exportedAt, filter: filters, disclosed: disclose, count, ...span, ...proof })
    return
  }
}

/** The token is looked up before each part: a revoked one gets no more of the log. */
async function readPart(
  gateway: Gateway,
  { session, context, filters, disclose }: ExportOrder,
  place: { size: number; begin: number },
): Promise<Part> {
  await readLiveToken(gateway, session.tokenHash)
  const request = { ...filters, ...place, limit: PART, disclose }
  return gateway.bus.request(exportEntries, request, { context })
}

function grow(tree: SparseTree, { index, before, leafHash }: Part['entries'][number]): void {
  tree.skipTo(index, before.map(bytesOf))
  tree.addLeaf(Buffer.from(leafHash, 'hex'))
}

function checkRoot(tree: SparseTree, checkpoint: string | undefined): void {
  if (checkpoint === undefined) return
  const { root } = parseCheckpoint(textOf(checkpoint))
  if (!tree.root().equals(root)) throw new Error('the export does not add up to the signed root')
}

function readable(
  { entry: text, ...exported }: Part['entries'][number],
  disclose: boolean,
): ExportedEntry {
  // Canonical JSON of an entry, as the ledger's own reply says.
  const entry = JSON.parse(text) as LeafEntry
  const isRedacted = disclose && exported.disclosure === undefined
  return { ...exported, text, entry, isRedacted }
}

function sizeOf(checkpoint: string | undefined): number {
  return checkpoint === undefined ? 0 : parseCheckpoint(textOf(checkpoint)).size
}

/** The three signed lines of the ledger's own note. */
function textOf(note: string): string {
  return note.slice(0, note.indexOf('\n\n') + 1)
}

function bytesOf(root: string): Buffer {
  return Buffer.from(root, 'base64')
}
