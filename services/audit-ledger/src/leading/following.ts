import { every, type Repeating } from '@mumega/config/every'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { CopyFailed, copyForward, type CheckpointCopy } from '../signing/checkpoint-copy.ts'
import type { LogKey } from '../signing/log-key.ts'
import { readSignedState } from '../signing/signed-state.ts'
import { Tampered } from '../signing/tampered.ts'

export interface FollowingOptions {
  readonly connection: Connection
  readonly key: LogKey
  readonly copy: CheckpointCopy
  readonly record: FindingRecord
  /** Whether this ledger leads: then its signer keeps the copy. */
  readonly isLeading: () => boolean
  /** Told each time whether the copy could be kept. */
  readonly onCopy: (isKept: boolean) => void
}

const LOOK_MS = 1_000

/**
 * While this ledger does not lead, keeps its copy of the newest checkpoint, and holds the database
 * to it every second: whoever leads next has seen what was signed. Where the database was set back,
 * that goes on record, which halts whoever leads.
 */
export function startFollowing(options: FollowingOptions): Repeating {
  const { connection, key, copy, record, isLeading, onCopy } = options
  const log = logger('audit-ledger')
  let toldReason: string | undefined

  async function look(): Promise<void> {
    const { checkpoint } = await readSignedState(connection, key, copy)
    toldReason = undefined
    if (checkpoint !== undefined && !isLeading()) await copyForward(copy, key, checkpoint)
  }

  async function tell({ message }: Tampered): Promise<void> {
    if (toldReason !== message) log.fatal({ reason: message }, 'log-set-back')
    toldReason = message
    const place = 'the newest checkpoint'
    const expected = 'one that follows what this ledger keeps outside the database'
    await record.record([{ kind: 'log-set-back', place, expected, found: message }])
  }

  async function follow(signal: AbortSignal): Promise<void> {
    if (isLeading()) return
    const onFailure = (error: unknown) => {
      if (!signal.aborted) log.warn({ error }, 'following-failed')
    }
    try {
      await look()
      onCopy(true)
    } catch (error) {
      if (error instanceof CopyFailed) onCopy(false)
      if (error instanceof Tampered) await tell(error).catch(onFailure)
      else onFailure(error)
    }
  }

  // First of all it stands: who leads finds out by itself.
  return every(LOOK_MS, follow, { delayMs: LOOK_MS })
}
