import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** A program in a thread of its own that gives one answer to each order. */
export interface Thread<Order, Answer> {
  /** One order at a time. Rejects where the thread ended, or did not answer in time. */
  ask(order: Order): Promise<Answer>
  /** Threads that died, or hung, and were replaced by the next order. */
  lost(): number
  close(): Promise<void>
}

export interface ThreadOptions {
  readonly program: URL
  /** Handed over to the program. */
  readonly settings: unknown
  /** Above every bound within the thread: past it the thread hangs, and is ended. */
  readonly answerMsMax: number
  readonly heapMbMax?: number
  /** Told of each thread that is started. */
  onThread?(thread: Worker): void
}

/** Starts the program with the first order, and again with the next one where it ended. */
export function openThread<Order, Answer>(options: ThreadOptions): Thread<Order, Answer> {
  let worker: Worker | undefined
  let lost = 0

  function start(): Worker {
    const { program, settings, heapMbMax } = options
    const thread = new Worker(program, {
      workerData: settings,
      // No flags of the process: it loads telemetry by one, and a thread's spans would belong to no
      // request.
      execArgv: [],
      ...(heapMbMax !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMbMax } }),
    })
    // Between two orders nobody listens, and an error without a listener would end the process.
    thread.on('error', () => undefined)
    thread.once('exit', () => {
      if (worker !== thread) return
      worker = undefined
      lost += 1
    })
    options.onThread?.(thread)
    return thread
  }

  return {
    lost: () => lost,
    async ask(order) {
      const thread = (worker ??= start())
      try {
        return await answerOf<Answer>(thread, order, options.answerMsMax)
      } catch (error) {
        await thread.terminate()
        throw error
      }
    },
    async close() {
      const thread = worker
      worker = undefined
      await thread?.terminate()
    },
  }
}

async function answerOf<Answer>(thread: Worker, order: unknown, msMax: number): Promise<Answer> {
  const answered = new AbortController()
  const late = AbortSignal.timeout(msMax)
  const signal = AbortSignal.any([answered.signal, late])
  const ended = once(thread, 'exit', { signal }).then(() => {
    throw new Error('the thread ended')
  })
  try {
    const message = once(thread, 'message', { signal })
    thread.postMessage(order)
    const values: unknown[] = await Promise.race([message, ended])
    // Its program, which is ours, sends nothing else.
    return values[0] as Answer
  } catch (error) {
    throw late.aborted ? new Error('the thread does not answer') : error
  } finally {
    answered.abort()
  }
}
