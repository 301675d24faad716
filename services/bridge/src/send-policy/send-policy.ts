import type { InboxMessage } from '@mumega/contracts/bridge'
import type { SendPolicy, SendRule } from '@mumega/contracts/send-policy'

/** A message on its way from one agent to one other. */
export interface Sending {
  from: string
  to: string
  kind: InboxMessage['kind']
}

/** What holds in a tenant that has set nothing. */
export const EVERYBODY_TO_EVERYBODY: SendPolicy = { default: 'allow', rules: [] }

/** Whether the first rule that matches allows it; where none does, the default counts. */
export function isAllowed(policy: SendPolicy, sending: Sending): boolean {
  const rule = policy.rules.find((each) => matches(each, sending))
  return (rule?.effect ?? policy.default) === 'allow'
}

function matches({ from, to, kinds }: SendRule, sending: Sending): boolean {
  if (kinds !== undefined && !kinds.includes(sending.kind)) return false
  return isNamedBy(from, sending.from) && isNamedBy(to, sending.to)
}

/** A `*` stands at the end only; the beginning before it may be the whole name. */
function isNamedBy(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
