import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import type { MirrorSettings } from './mirror/settings.ts'

/** What every command of the service works with. */
export interface Objectives {
  readonly db: Knex
  readonly clock: Clock
  /** The external Mirror; absent where none is set. */
  readonly mirror: MirrorSettings | undefined
}
