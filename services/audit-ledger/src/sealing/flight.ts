import type { EntryBatch } from './entry-batch.ts'
import {
  commitOrCollide,
  planGroup,
  type Group,
  type GroupPlan,
  type SealingTools,
} from './seal-group.ts'

/** A batch on its way to the database, perhaps behind another that is still on its way. */
export interface Flight {
  readonly group: Group
  readonly plan: GroupPlan
  readonly batch: EntryBatch
  readonly landing: Promise<Landing>
}

/**
 * `kept`: it was not sent, as sealing is over; or it was sent in vain, as somebody else had written
 * or the batch before it did not arrive.
 */
export type Landing =
  | { readonly kind: 'committed' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Whether the group can be built without asking the database anything first: nothing in it may be
 * known already, nobody expects a head, and the heads of its chains are at hand.
 */
export function isPlain({ state }: SealingTools, { open }: Group): boolean {
  const isNew = open.every(
    ({ request, mayBeKnown }) => !mayBeKnown && request.expectedHead === undefined,
  )
  return isNew && state.isReadyFor(open.map(({ request }) => request.intent.chain))
}

/**
 * Builds a plain group on the tip that `before` will leave, and sends it at once behind that one:
 * the database has no pause between them. Where `before` does not arrive, the commit's comparison
 * of frontiers refuses what was built on it.
 */
export function launch(tools: SealingTools, group: Group, before?: Flight): Flight {
  const tip = tools.state.tip()
  const plan = planGroup(tip, group.open)
  const { chosen } = plan
  const batch = tools.build(
    tip,
    chosen.map(({ request }) => request.intent),
  )
  tools.state.advance(batch)
  const isInVain = async () => before !== undefined && (await before.landing).kind !== 'committed'

  async function land(): Promise<Landing> {
    if (tools.isOver()) return { kind: 'kept' }
    try {
      const isCommitted = await commitOrCollide(tools, { group, chosen, tip, batch, isInVain })
      return { kind: isCommitted ? 'committed' : 'kept' }
    } catch (error) {
      return { kind: 'failed', error }
    }
  }
  return { group, plan, batch, landing: land() }
}
