import { every } from '@mumega/config/every'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'

const LOOK_MS = 500
const SILENT_MS_MAX = 1_500

/**
 * Cuts a connection behind which the server does nothing, though it was asked something: the
 * question or the answer was lost on the way, which TCP may not find out for a quarter of an hour.
 * A server that works on it is given its time.
 *
 * @param asking another connection to the same server
 */
export function watchSilence(watched: Connection, asking: Connection): { stop(): Promise<void> } {
  const log = logger('audit-ledger')
  let suspectedSinceMs: number | undefined

  async function look(): Promise<void> {
    const question = watched.unanswered()
    if (question === undefined || performance.now() - question.sinceMs < SILENT_MS_MAX) return
    if (await isAtWork(asking, question.pid)) return
    // The answer may have been on its way: the same is looked at twice.
    const isLost = suspectedSinceMs === question.sinceMs
    suspectedSinceMs = question.sinceMs
    if (!isLost || watched.unanswered()?.sinceMs !== question.sinceMs) return
    log.warn({ pid: question.pid }, 'silent-connection-cut')
    watched.cut()
  }

  // Where this one is not answered either, the database is away for both.
  const looking = every(LOOK_MS, () => look().catch(() => undefined))
  return {
    async stop() {
      const stopped = looking.stop()
      await asking.close()
      await stopped
    },
  }
}

async function isAtWork(asking: Connection, pid: number): Promise<boolean> {
  const { rows } = await asking.query<{ state: string | null }>({
    name: 'is-at-work',
    text: 'select state from pg_stat_activity where pid = $1',
    values: [pid],
  })
  return rows[0]?.state === 'active'
}
