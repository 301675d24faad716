import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import {
  bare,
  functionOf,
  importedName,
  isFunction,
  parameterOf,
  valueOf,
  variableOf,
  walk,
  type Code,
  type FunctionNode,
  type Variable,
} from './names.ts'
import { effectOf, keyOf } from './transaction.ts'

export const ACT_MODULE = '@mumega/db/act'

/**
 * Whether a result may hold audit records that were made here. `audit: []` and `unchanged(…)` hold
 * none; what another function makes with the transaction is that function's to answer for.
 */
export function mayHoldAudit(
  code: Code,
  result: TSESTree.Node,
  trx: Variable | undefined,
): boolean {
  const node = bare(result)
  switch (node.type) {
    case AST_NODE_TYPES.AwaitExpression:
      return mayHoldAudit(code, node.argument, trx)
    case AST_NODE_TYPES.ConditionalExpression:
      return [node.consequent, node.alternate].some((branch) => mayHoldAudit(code, branch, trx))
    case AST_NODE_TYPES.ObjectExpression:
      return objectHoldsAudit(node)
    case AST_NODE_TYPES.CallExpression:
      return callHoldsAudit(code, node, trx)
    case AST_NODE_TYPES.Identifier: {
      const variable = variableOf(code, node)
      const value = variable && valueOf(variable)
      return value === undefined || mayHoldAudit(code, value, trx)
    }
    default:
      return true
  }
}

function objectHoldsAudit(node: TSESTree.ObjectExpression): boolean {
  const audit = node.properties.findLast(
    (property) => property.type === AST_NODE_TYPES.SpreadElement || keyOf(property) === 'audit',
  )
  // Without `audit` it is no outcome at all, which the compiler refuses.
  if (audit === undefined) return false
  return audit.type === AST_NODE_TYPES.SpreadElement || !isEmptyArray(audit.value)
}

function isEmptyArray(expression: TSESTree.Node): boolean {
  const node = bare(expression)
  if (node.type === AST_NODE_TYPES.ConditionalExpression) {
    return isEmptyArray(node.consequent) && isEmptyArray(node.alternate)
  }
  return node.type === AST_NODE_TYPES.ArrayExpression && node.elements.length === 0
}

function callHoldsAudit(
  code: Code,
  call: TSESTree.CallExpression,
  trx: Variable | undefined,
): boolean {
  if (importedName(code, call.callee, ACT_MODULE) === 'unchanged') return false
  const effect = trx && effectOf(code, call, trx)
  if (effect === undefined) return true
  const local = functionOf(code, call.callee)
  return effect === 'read' && !(local && makesOutcome(code, local))
}

const OUTCOME_KEYS = ['reply', 'audit', 'events']

/**
 * Whether a function says by its type, or shows by an object that it returns, that it makes an
 * act's outcome.
 */
export function makesOutcome(code: Code, node: FunctionNode): boolean {
  let found = false
  if (node.returnType) {
    walk(code, node.returnType, (inner) => {
      if (inner.type !== AST_NODE_TYPES.Identifier) return
      if (importedName(code, inner, ACT_MODULE) === 'Outcome') found = true
    })
  }
  return found || ownResults(code, node).some((result) => isOutcomeObject(result))
}

function isOutcomeObject(result: TSESTree.Node): boolean {
  const node = bare(result)
  if (node.type !== AST_NODE_TYPES.ObjectExpression) return false
  const keys = node.properties.map((property) =>
    property.type === AST_NODE_TYPES.Property ? keyOf(property) : undefined,
  )
  return OUTCOME_KEYS.every((key) => keys.includes(key))
}

// The results of the function itself, not of the functions written inside it.
function ownResults(code: Code, node: FunctionNode): TSESTree.Node[] {
  if (node.body.type !== AST_NODE_TYPES.BlockStatement) return [node.body]
  const results: TSESTree.Node[] = []
  walk(code, node.body, (inner) => {
    if (inner.type !== AST_NODE_TYPES.ReturnStatement || !inner.argument) return
    let around: TSESTree.Node | undefined = inner.parent
    while (around && !isFunction(around)) around = around.parent
    if (around === node) results.push(inner.argument)
  })
  return results
}

/** The parameter that is a transaction: by its type, else by the name that house style gives it. */
export function transactionOf(code: Code, node: FunctionNode): Variable | undefined {
  for (const parameter of node.params) {
    if (parameter.type !== AST_NODE_TYPES.Identifier) continue
    const type = parameter.typeAnnotation
    const isTransaction = type
      ? /\bTransaction\b/.test(code.getText(type))
      : parameter.name === 'trx'
    if (isTransaction) return parameterOf(code, node, parameter.name)
  }
  return undefined
}
