import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import { operatorsOnly } from './errors.ts'

/** As whom the service acts on its own account. */
export const OBJECTIVES_CONTEXT: CallContext = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:objectives', kind: 'service' },
}

/** @throws objectives.operators-only */
export function checkOperator({ tenantId, actor }: CallContext): void {
  if (tenantId !== SUBSTRATE || actor.kind !== 'human') throw operatorsOnly()
}

/**
 * The caller, acting on what is the system's. Who calls stays on record; what lets them is checked
 * by each command.
 */
export function onSubstrate(context: CallContext): CallContext {
  return { ...context, tenantId: SUBSTRATE }
}
