import type { Bus } from '@mumega/bus'
import type { Clock } from '@mumega/config/clock'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'

/** What every command of the service works with. */
export interface Gate {
  readonly db: Knex
  readonly clock: Clock
  /** To ask who has signed. */
  readonly bus: Bus
}

/** As whom the service acts on its own account. */
export const GATE_CONTEXT: CallContext = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:gate', kind: 'service' },
}
