import type { EngramTier, recallEngrams } from '@mumega/contracts/engrams'
import type { RequestOf } from '@mumega/contracts/define'
import type { Circle } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'

/** Who calls, and to what they belong. */
export interface Caller {
  readonly context: CallContext
  readonly circles: readonly Circle[]
}

/** Whether the caller belongs to a circle; an operator belongs to each of the tenant. */
export function belongsTo({ context, circles }: Caller, circle: Circle): boolean {
  return context.actor.kind === 'human' || circles.includes(circle)
}

/**
 * A `tsquery`, as text, of all that the caller may recall of a tenant: what `engram_search` of the
 * table's migration writes. It is the only rule of who sees what.
 */
export function visibleTo({ context, circles }: Caller): string {
  const { id, kind } = context.actor
  const shared =
    kind === 'human'
      ? ['squad', 'project', 'entity'].map((tier) => lexeme('r', tier))
      : circles.map((circle) => lexeme('v', circle))
  const own = lexeme('v', `private:${id}`)
  return `(${[lexeme('r', 'public'), ...shared, own].join(' | ')})`
}

/** A `tsquery`, as text, of all engrams of these tiers, whoever may recall them. */
export function ofTiers(tiers: Iterable<EngramTier>): string {
  return `(${[...tiers].map((tier) => lexeme('r', tier)).join(' | ')})`
}

/** A `tsquery`, as text, of what fits every condition and may be recalled. */
export function fitting(caller: Caller, asked: Conditions): string {
  const { kind, tag, tier, circle, by } = asked
  const conditions = Object.entries({ k: kind, t: tag, r: tier, c: circle, a: by })
  return [
    visibleTo(caller),
    ...conditions.flatMap(([field, value]) => (value === undefined ? [] : lexeme(field, value))),
  ].join(' & ')
}

type Conditions = Pick<RequestOf<typeof recallEngrams>, 'kind' | 'tag' | 'tier' | 'circle' | 'by'>

/** The space at its front is in no lexeme of a text. */
function lexeme(field: string, value: string): string {
  return `' ${field} ${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
