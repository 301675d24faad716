import { parentPort, workerData } from 'node:worker_threads'
import { openConnection } from '../connection.ts'
import { checkpointCopyAt } from '../signing/checkpoint-copy.ts'
import { noteOpener } from '../signing/log-key.ts'
import { openScrubber } from './scrubber.ts'
import type { ScrubberSettings, StepAnswer } from './threaded-scrubber.ts'

// The program of the thread that `openThreadedScrubber` starts: one step for each message.
const port = parentPort
if (port === null) throw new Error('this program runs in a thread')
// Handed over by openThreadedScrubber, in this very process.
const settings = workerData as ScrubberSettings
const scrubber = openScrubber({
  isResuming: true,
  connection: openConnection(settings.databaseUrl),
  openNote: noteOpener(settings.vkey),
  readCopy: checkpointCopyAt(settings.checkpointFile).read,
})

async function answer(): Promise<StepAnswer> {
  try {
    return { kind: 'done', step: await scrubber.step() }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Error ? String(error.stack) : String(error) }
  }
}

port.on('message', () => {
  void answer().then((done) => {
    port.postMessage(done)
  })
})
