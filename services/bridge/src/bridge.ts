import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'

/** What every command and query of the bridge works with. */
export interface Bridge {
  readonly db: Knex
  readonly clock: Clock
  /** Unacknowledged messages that one inbox holds before it refuses more. */
  readonly inboxUnreadMax: number
}
