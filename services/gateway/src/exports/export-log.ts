import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import { openSparseTree, type SparseTree } from '@mumega/tlog/sparse-tree'
import type { Gateway } from '../app.ts'
import type { ExportedEntry } from './format.ts'
import { readParts, textOf, type ExportOrder, type Part } from './read-parts.ts'

/**
 * Starts an export: reads its first part, so that what refuses it is still an answer. The lines
 * come as they are asked for, one part of the log in memory at a time. They end with the trailer
 * only where everything adds up to the signed root.
 *
 * @throws as `readParts`
 */
export async function openExport(
  gateway: Gateway,
  order: ExportOrder,
): Promise<AsyncGenerator<string>> {
  const parts = readParts(gateway, order)
  const first = await parts.next()
  return writeLines(gateway, order, resumed(first, parts))
}

/** All of it, although the first was taken already. */
async function* resumed<Item>(
  first: IteratorResult<Item>,
  rest: AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  if (first.done === true) return
  yield first.value
  yield* rest
}

async function* writeLines(
  gateway: Gateway,
  { format, filters, disclose }: ExportOrder,
  parts: AsyncGenerator<Part>,
): AsyncGenerator<string> {
  const tree = openSparseTree()
  let [count, firstIndex, lastIndex] = [0, -1, -1]
  yield format.begin()
  for await (const { entries, end } of parts) {
    for (const exported of entries) {
      grow(tree, exported)
      if (count === 0) firstIndex = exported.index
      lastIndex = exported.index
      count += 1
      yield format.line(exported)
    }
    if (end === undefined) continue
    const { size, checkpoint, after } = end
    tree.skipTo(size, after.map(bytesOf))
    checkRoot(tree, checkpoint)
    const span = count === 0 ? {} : { firstIndex, lastIndex }
    const proof = { size, after, ...(checkpoint !== undefined && { checkpoint }) }
    const exportedAt = gateway.clock.now().toISOString()
    yield format.end({ exportedAt, filter: filters, disclosed: disclose, count, ...span, ...proof })
  }
}

function grow(tree: SparseTree, { index, before, leafHash }: ExportedEntry): void {
  tree.skipTo(index, before.map(bytesOf))
  tree.addLeaf(Buffer.from(leafHash, 'hex'))
}

function checkRoot(tree: SparseTree, checkpoint: string | undefined): void {
  if (checkpoint === undefined) return
  const { root } = parseCheckpoint(textOf(checkpoint))
  if (!tree.root().equals(root)) throw new Error('the export does not add up to the signed root')
}

function bytesOf(root: string): Buffer {
  return Buffer.from(root, 'base64')
}
