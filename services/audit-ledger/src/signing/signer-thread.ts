import { parentPort, workerData } from 'node:worker_threads'
import { scaledClock } from '@mumega/config/clock'
import { decodeFrontier, encodeFrontier } from '@mumega/tlog/merkle'
import { openConnection } from '../connection.ts'
import { checkpointCopyAt, CopyFailed } from './checkpoint-copy.ts'
import { readLogKey } from './log-key.ts'
import { openSigner } from './signer.ts'
import type { SignAnswer, SignerSettings, SignOrder } from './threaded-signer.ts'
import { Tampered } from './tampered.ts'

// The program of the thread that `openThreadedSigner` starts: one order at a time, one answer each.
const port = parentPort
if (port === null) throw new Error('this program runs in a thread')
// Handed over by openThreadedSigner, in this very process.
const settings = workerData as SignerSettings
const signer = openSigner({
  connection: openConnection(settings.databaseUrl),
  key: await readLogKey(settings.keyFile, settings.origin),
  copy: checkpointCopyAt(settings.checkpointFile),
  clock: scaledClock(settings.clock),
})

async function answer({ target, epoch }: SignOrder): Promise<SignAnswer> {
  try {
    const checkpoint = await signer.sign(decodeFrontier(target), epoch)
    if (checkpoint === undefined) return { kind: 'signed' }
    const { size, root, frontier, note } = checkpoint
    return { kind: 'signed', checkpoint: { size, root, frontier: encodeFrontier(frontier), note } }
  } catch (error) {
    if (error instanceof CopyFailed) return { kind: 'not-copied', reason: error.message }
    if (error instanceof Tampered) return { kind: 'tampered', reason: error.message }
    return { kind: 'failed', reason: error instanceof Error ? String(error.stack) : String(error) }
  }
}

port.on('message', (order: SignOrder) => {
  void answer(order).then((done) => {
    port.postMessage(done)
  })
})
