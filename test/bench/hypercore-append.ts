import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// The program that `measureHypercore` starts.

/** What this process is told, as its one message. It answers with blocks a second. */
export interface HypercoreOrder {
  /** Where hypercore is installed. */
  readonly modules: string
  /** For its data; on the disk that is measured. */
  readonly folder: string
  readonly blocks: number
  readonly perBatch: number
  readonly blockBytes: number
}

/** As much of hypercore 11 as is used; it has no types of its own. */
interface Core {
  readonly length: number
  readonly core: { readonly db: { flush(): Promise<void> } }
  ready(): Promise<void>
  append(blocks: readonly Buffer[]): Promise<unknown>
  close(): Promise<void>
}

async function measure(order: HypercoreOrder): Promise<number> {
  const load = createRequire(join(order.modules, 'package.json'))
  // The installed version is pinned, and what differs from this fails at once.
  const Hypercore = load('hypercore') as new (folder: string) => Core
  const core = new Hypercore(order.folder)
  await core.ready()
  const batches: Buffer[][] = []
  for (let first = 0; first < order.blocks; first += order.perBatch) {
    const length = Math.min(order.perBatch, order.blocks - first)
    batches.push(Array.from({ length }, () => randomBytes(order.blockBytes)))
  }
  const startedMs = performance.now()
  for (const blocks of batches) {
    await core.append(blocks)
    await core.core.db.flush()
  }
  const seconds = (performance.now() - startedMs) / 1_000
  if (core.length !== order.blocks) throw new Error(`${core.length} blocks were appended`)
  await core.close()
  return order.blocks / seconds
}

process.once('message', (order: HypercoreOrder) => {
  void measure(order).then((rate) => process.send?.(rate, () => process.exit(0)))
})
