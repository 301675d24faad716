import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import type { Flow } from './flow.ts'
import { resultsOf } from './flow.ts'
import {
  bare,
  functionOf,
  importedName,
  isInside,
  valueOf,
  variableOf,
  walk,
  type Code,
  type FunctionNode,
  type Variable,
} from './names.ts'
import { ACT_MODULE, mayHoldAudit } from './outcome.ts'
import { holdsUp, isWaitedFor, waitedCalls } from './settled.ts'
import { chainOf, effectOf, handedAs } from './transaction.ts'

/** A function that `act` runs, or that makes an outcome for one that it runs. */
export interface Change {
  node: FunctionNode
  /** Its transaction; undefined when it does not take it by a plain name. */
  trx: Variable | undefined
  /** What `act` was given as the database. */
  database?: TSESTree.Node
}

/** Results that may hold audit records although no awaited write comes before them on some path. */
export function auditsBeforeWrite(code: Code, { node, trx }: Change, flow: Flow): TSESTree.Node[] {
  const isWrite = (step: TSESTree.Node) =>
    trx !== undefined &&
    step.type === AST_NODE_TYPES.AwaitExpression &&
    waitedCalls(code, step.argument).some((call) => {
      const effect = effectOf(code, call, trx)
      return effect === 'write' || effect === 'handed'
    })
  const unguarded = flow.unguarded(isWrite)
  const scope = { code, node, trx, unguarded }
  return resultsOf(unguarded, node).filter((value) => mayHoldAudit(scope, value))
}

/** Writes that nobody waits for: they may come after the audit record, or never. */
export function floatingWrites(code: Code, { node, trx }: Change): TSESTree.Node[] {
  if (trx === undefined) return []
  return callsIn(code, node).filter((call) => {
    if (effectOf(code, call, trx) !== 'write') return false
    const isLink = call.parent.type === AST_NODE_TYPES.MemberExpression
    if (isLink && chainOf(code, call)?.variable === trx) return false
    return !isWaitedFor(code, call) || !holdsUp(code, call, node)
  })
}

function callsIn(code: Code, node: TSESTree.Node): TSESTree.CallExpression[] {
  const calls: TSESTree.CallExpression[] = []
  walk(code, node, (inner) => {
    if (inner.type === AST_NODE_TYPES.CallExpression) calls.push(inner)
  })
  return calls
}

/** Uses of a database handle that is not the change's own transaction. */
export function foreignHandles(code: Code, change: Change): TSESTree.Node[] {
  const found: TSESTree.Node[] = []
  walk(code, change.node.body, (node) => {
    const parent = node.parent
    const isName =
      node.type === AST_NODE_TYPES.Identifier &&
      !(parent?.type === AST_NODE_TYPES.MemberExpression && parent.property === node) &&
      !(parent?.type === AST_NODE_TYPES.Property && parent.key === node && !parent.shorthand)
    if (isName || node.type === AST_NODE_TYPES.MemberExpression) {
      if (isForeign(code, node, change)) found.push(node)
    }
  })
  return found
}

function isForeign(code: Code, node: TSESTree.Node, { trx, database }: Change): boolean {
  if (node.type === AST_NODE_TYPES.MemberExpression) {
    return (
      database?.type === AST_NODE_TYPES.MemberExpression &&
      code.getText(node) === code.getText(database)
    )
  }
  if (node.type !== AST_NODE_TYPES.Identifier) return false
  const variable = variableOf(code, node)
  if (variable === undefined || variable === trx) return false
  if (database?.type === AST_NODE_TYPES.Identifier && variable === variableOf(code, database)) {
    return true
  }
  const [definition] = variable.defs
  const name = definition?.name
  const type = name?.type === AST_NODE_TYPES.Identifier ? name.typeAnnotation : undefined
  return type !== undefined && /^:\s*Knex$/.test(code.getText(type))
}

/** Calls of `act` inside the change, or of a function of this file that calls it. */
export function nestedActs(code: Code, { node }: Change): TSESTree.Node[] {
  return callsIn(code, node.body).filter((call) => reachesAct(code, call, new Set([node])))
}

function reachesAct(code: Code, call: TSESTree.CallExpression, seen: Set<FunctionNode>): boolean {
  if (importedName(code, call.callee, ACT_MODULE) === 'act') return true
  const local = functionOf(code, call.callee)
  if (!local || seen.has(local)) return false
  seen.add(local)
  return callsIn(code, local.body).some((inner) => reachesAct(code, inner, seen))
}

/**
 * The functions of this file that the change lets make its outcome, with the transaction handed to
 * them.
 */
export function delegates(code: Code, { node, trx }: Change, flow: Flow): Change[] {
  if (trx === undefined) return []
  return resultsOf(
    flow.unguarded(() => false),
    node,
  ).flatMap((value) => {
    const call = callOf(code, value)
    const local = call && functionOf(code, call.callee)
    if (!call || !local || isInside(local, node)) return []
    const inner = handedAs(code, call, { trx, local })
    return inner ? [{ node: local, trx: inner }] : []
  })
}

function callOf(code: Code, value: TSESTree.Node): TSESTree.CallExpression | undefined {
  const node = bare(value)
  if (node.type === AST_NODE_TYPES.CallExpression) return node
  if (node.type === AST_NODE_TYPES.AwaitExpression) return callOf(code, node.argument)
  if (node.type !== AST_NODE_TYPES.Identifier) return undefined
  const variable = variableOf(code, node)
  const given = variable && valueOf(variable)
  return given && callOf(code, given)
}
