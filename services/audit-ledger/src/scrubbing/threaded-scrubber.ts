import type { Worker } from 'node:worker_threads'
import { openThread } from '../thread.ts'
import type { Scrubber, ScrubStep } from './scrubber.ts'

/** What the thread needs to work on its own; no secret of the log is among it. */
export interface ScrubberSettings {
  readonly databaseUrl: string
  /** Verifies what the log signed. */
  readonly vkey: string
  readonly checkpointFile: string
}

export type StepAnswer =
  | { readonly kind: 'done'; readonly step: ScrubStep }
  | { readonly kind: 'failed'; readonly reason: string }

export interface ThreadedScrubber extends Scrubber {
  /** Threads that died, or hung, and were replaced at the next step. */
  lost(): number
  close(): Promise<void>
}

/**
 * Scrubs in a thread of its own, with a connection of its own, so that nothing that seals or signs
 * waits for it. A thread that dies is replaced at the next step, and goes on where its pass was
 * last put on record.
 */
export function openThreadedScrubber(
  settings: ScrubberSettings,
  onThread?: (thread: Worker) => void,
): ThreadedScrubber {
  const thread = openThread<'step', StepAnswer>({
    program: new URL('../../scrub-thread.mjs', import.meta.url),
    settings,
    answerMsMax: 120_000,
    heapMbMax: 128,
    ...(onThread && { onThread }),
  })
  return {
    lost: thread.lost,
    close: thread.close,
    async step() {
      const answer = await thread.ask('step')
      if (answer.kind === 'failed') throw new Error(`the scrubber failed: ${answer.reason}`)
      return answer.step
    },
  }
}
