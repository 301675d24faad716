import type { EntryBatch } from './entry-batch.ts'
import {
  commitOrCollide,
  planGroup,
  type Group,
  type GroupPlan,
  type SealingTools,
} from './seal-group.ts'

/** A batch on its way to the database, or built and waiting for the one before it to arrive. */
export interface Flight {
  readonly group: Group
  readonly plan: GroupPlan
  readonly batch: EntryBatch
  readonly landing: Promise<Landing>
}

/**
 * `kept`: it was not sent, as the batch before it failed or sealing is over; or somebody else had
 * written.
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
 * Builds a plain group on the tip that `before` will leave, while that is still on its way, and
 * sends it when `before` has arrived and `isOver` still says no. Were it sent in vain, the commit's
 * comparison of sizes would refuse it.
 */
export function launch(
  tools: SealingTools,
  group: Group,
  { before, isOver }: { before?: Flight | undefined; isOver: () => boolean },
): Flight {
  const tip = tools.state.tip()
  const plan = planGroup(tip, group.open)
  const { chosen } = plan
  const batch = tools.build(
    tip,
    chosen.map(({ request }) => request.intent),
  )
  tools.state.advance(batch)

  async function land(): Promise<Landing> {
    const isBehindCommitted = before === undefined || (await before.landing).kind === 'committed'
    if (!isBehindCommitted || isOver()) return { kind: 'kept' }
    try {
      const isCommitted = await commitOrCollide(tools, { group, chosen, tip, batch })
      return { kind: isCommitted ? 'committed' : 'kept' }
    } catch (error) {
      return { kind: 'failed', error }
    }
  }
  return { group, plan, batch, landing: land() }
}
