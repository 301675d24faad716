import { fork } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NotHere } from '../interop/finding.ts'
import { ROOT } from '../tree.ts'
import type { HypercoreOrder } from './hypercore-append.ts'
import { installLocked } from './install-locked.ts'

/**
 * Blocks a second that npm's hypercore takes in one process, in batches, with its storage's own
 * flush after each. It signs each batch and keeps a Merkle tree as we do. It is not durable: its
 * flush syncs nothing to disk for most batches. And it has no keys to tell duplicates by.
 *
 * @throws NotHere when it cannot be installed or does not run on this platform
 */
export async function measureHypercore(order: Omit<HypercoreOrder, 'modules'>): Promise<number> {
  const modules = await installLocked(join(ROOT, 'test/bench/hypercore'))
  const child = fork(fileURLToPath(new URL('./hypercore-append.js', import.meta.url)))
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => {
      reject(new NotHere(`hypercore ended with ${code} and no report`))
    })
    child.send({ ...order, modules } satisfies HypercoreOrder)
  })
}
