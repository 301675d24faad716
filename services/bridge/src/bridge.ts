import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import type { PresenceLimits } from './agents/presence.ts'

/** What every command and query of the bridge works with. */
export interface Bridge {
  readonly db: Knex
  readonly clock: Clock
  readonly presence: PresenceLimits
  /** Messages, not settled, one inbox holds before it refuses more. */
  readonly inboxUnreadMax: number
}
