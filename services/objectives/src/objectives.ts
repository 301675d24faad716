import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'

/** What every command of the service works with. */
export interface Objectives {
  readonly db: Knex
  readonly clock: Clock
}
