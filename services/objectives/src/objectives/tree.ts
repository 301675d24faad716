import { TREE_DEPTH_MAX } from '@mumega/contracts/objectives'
import type { Knex } from '@mumega/db'
import { invalidObjective, objectiveNotFound } from '../errors.ts'
import { readTree, type ObjectiveKey } from './objective-repository.ts'

/**
 * Refuses a parent that is not there, is below the objective itself, or is too deep for all that
 * stands below it. Needs `lockTree`.
 *
 * @throws objectives.objective-not-found, objectives.invalid-objective
 */
export async function checkParent(
  trx: Knex.Transaction,
  { tenantId, objectiveId }: ObjectiveKey,
  parentId: string | undefined,
): Promise<void> {
  if (parentId === undefined) return
  const parents = await readTree(trx, tenantId)
  if (!parents.has(parentId)) throw objectiveNotFound(parentId)
  let above = 0
  for (let at: string | undefined = parentId; at !== undefined; at = parents.get(at)) {
    above += 1
    if (at === objectiveId) throw invalidObjective('parentId', 'stands below the objective itself')
    if (above >= TREE_DEPTH_MAX) break
  }
  if (above + heightOf(objectiveId, parents) > TREE_DEPTH_MAX) {
    throw invalidObjective('parentId', `would make the tree deeper than ${TREE_DEPTH_MAX}`)
  }
}

/** Levels from an objective down, itself included. */
function heightOf(objectiveId: string, parents: ReadonlyMap<string, string | undefined>): number {
  const children = new Map<string, string[]>()
  for (const [child, parent] of parents) {
    if (parent === undefined) continue
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [child])
    else siblings.push(child)
  }
  let level = [objectiveId]
  let height = 0
  while (level.length > 0 && height <= TREE_DEPTH_MAX) {
    height += 1
    level = level.flatMap((id) => children.get(id) ?? [])
  }
  return height
}
