import { logger } from '@mumega/telemetry'
import type { Misfits } from './misfits.ts'

export interface Resolving {
  /** The log grew: one of the open drops may be in it now. */
  look(): void
  stop(): Promise<void>
}

const EVERY_MS = 1_000

/**
 * Marks drops as resolved, within about a second of the entry that resolves them, while there are
 * any.
 */
export function startResolving(misfits: Misfits): Resolving {
  const log = logger('audit-ledger')
  // Until it was looked, there may be some.
  let mayHaveOpen = true
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let recordsSeen = 0

  async function resolve(): Promise<void> {
    try {
      mayHaveOpen = (await misfits.resolve()) > 0
    } catch (error) {
      log.warn({ error }, 'drops-not-resolved')
    }
  }

  return {
    look() {
      const { records } = misfits.figures()
      if (records !== recordsSeen) mayHaveOpen = true
      recordsSeen = records
      if (!mayHaveOpen || timer !== undefined) return
      timer = setTimeout(() => {
        timer = undefined
        running = resolve()
      }, EVERY_MS)
    },
    async stop() {
      clearTimeout(timer)
      await running
    },
  }
}
