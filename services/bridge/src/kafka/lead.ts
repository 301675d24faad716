import { every } from '@mumega/config/every'
import type { Knex } from '@mumega/db'
import { tryAdvisoryLock } from '@mumega/db/advisory-lock'
import { logger } from '@mumega/telemetry'

/** What the leading process does until it is stopped. */
export interface Leading {
  stop(): Promise<void>
}

export interface Lead {
  isHeld(): boolean
  /** Stops what it does, and then lets go. */
  stop(): Promise<void>
}

export interface LeadOptions {
  readonly db: Knex
  readonly name: string
  /** The signal ends the wait for its beginning. */
  readonly begin: (signal: AbortSignal) => Promise<Leading>
}

const LOOK_MS = 1_000

/** Has `begin` done by one process at a time; when that one dies, another takes over. */
export function startLead({ db, name, begin }: LeadOptions): Lead {
  const log = logger('bridge')
  let lock: Awaited<ReturnType<typeof tryAdvisoryLock>>
  let leading: Leading | undefined

  async function end(): Promise<void> {
    const ended = leading
    leading = undefined
    await ended?.stop()
  }

  function onLost(): void {
    if (lock === undefined) return
    lock = undefined
    void end().catch((error: unknown) => {
      log.warn({ error, name }, 'lead-end-failed')
    })
  }

  const looking = every(LOOK_MS, async (signal) => {
    try {
      lock ??= await tryAdvisoryLock(db, onLost, name)
      if (lock === undefined || leading !== undefined || signal.aborted) return
      const held = lock
      const begun = await begin(signal)
      // What another may do by now is not begun here.
      if (lock === held) leading = begun
      else await begun.stop()
    } catch (error) {
      if (!signal.aborted) log.warn({ error, name }, 'lead-failed')
    }
  })

  return {
    isHeld: () => lock !== undefined,
    async stop() {
      await looking.stop()
      await end()
      const held = lock
      lock = undefined
      await held?.end()
    },
  }
}
