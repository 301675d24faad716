import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import {
  bare,
  functionOf,
  importedName,
  isFunction,
  nameOf,
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

export interface ResultScope {
  code: Code
  /** The function whose result it is. */
  node: FunctionNode
  trx: Variable | undefined
  /** The steps of that function to which a way leads that passes no write. */
  unguarded: ReadonlySet<TSESTree.Node>
}

/**
 * Whether a result may hold audit records that were made before a write. `audit: []` and
 * `unchanged(…)` hold none; what another function makes with the transaction is that function's to
 * answer for.
 */
export function mayHoldAudit(scope: ResultScope, result: TSESTree.Node): boolean {
  const node = bare(result)
  switch (node.type) {
    case AST_NODE_TYPES.AwaitExpression:
      return mayHoldAudit(scope, node.argument)
    case AST_NODE_TYPES.ConditionalExpression:
      return [node.consequent, node.alternate].some((branch) => mayHoldAudit(scope, branch))
    case AST_NODE_TYPES.ObjectExpression:
      return objectHoldsAudit(scope, node)
    case AST_NODE_TYPES.CallExpression:
      return callHoldsAudit(scope, node)
    case AST_NODE_TYPES.Identifier: {
      const variable = variableOf(scope.code, node)
      const value = variable && valueOf(variable)
      return value === undefined || mayHoldAudit(scope, value)
    }
    default:
      return true
  }
}

function objectHoldsAudit(scope: ResultScope, node: TSESTree.ObjectExpression): boolean {
  const audit = node.properties.findLast(
    (property) => property.type === AST_NODE_TYPES.SpreadElement || keyOf(property) === 'audit',
  )
  // Without `audit` it is no outcome at all, which the compiler refuses.
  if (audit === undefined) return false
  return audit.type === AST_NODE_TYPES.SpreadElement || mayHoldRecords(scope, audit.value)
}

function mayHoldRecords(scope: ResultScope, expression: TSESTree.Node): boolean {
  const node = bare(expression)
  if (node.type === AST_NODE_TYPES.ConditionalExpression) {
    return mayHoldRecords(scope, node.consequent) || mayHoldRecords(scope, node.alternate)
  }
  if (node.type === AST_NODE_TYPES.ArrayExpression) return node.elements.length > 0
  const variable = node.type === AST_NODE_TYPES.Identifier && variableOf(scope.code, node)
  return !variable || mayBeFilled(scope, variable)
}

// `const audit = []`, filled by `audit.push(…)` only where a write has come before.
function mayBeFilled(scope: ResultScope, variable: Variable): boolean {
  const value = valueOf(variable)
  const start = value && bare(value)
  if (start?.type !== AST_NODE_TYPES.ArrayExpression || start.elements.length > 0) return true
  return variable.references.some(({ identifier, init }) => {
    const { parent } = identifier
    if (init === true || parent.type === AST_NODE_TYPES.Property) return false
    const call = parent.parent
    const isPush =
      parent.type === AST_NODE_TYPES.MemberExpression &&
      nameOf(parent) === 'push' &&
      call?.type === AST_NODE_TYPES.CallExpression
    if (!isPush || functionAround(call) !== scope.node) return true
    return scope.unguarded.has(call)
  })
}

function functionAround(node: TSESTree.Node): TSESTree.Node | undefined {
  let around = node.parent
  while (around && !isFunction(around)) around = around.parent
  return around
}

function callHoldsAudit(scope: ResultScope, call: TSESTree.CallExpression): boolean {
  const { code, trx } = scope
  if (importedName(code, call.callee, ACT_MODULE) === 'unchanged') return false
  if (code.getText(call.callee) === 'Promise.reject') return false
  if (code.getText(call.callee) === 'Promise.resolve') {
    return call.arguments[0] !== undefined && mayHoldAudit(scope, call.arguments[0])
  }
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
    if (functionAround(inner) === node) results.push(inner.argument)
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
