import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import { bare, isFunction, nameOf, valueOf, variableOf, type Code } from './names.ts'

// These wait for every promise of an array; `race` and `any` leave the others running.
const WAITS_FOR_ALL = new Set(['all', 'allSettled'])
const PROMISE_METHODS = new Set(['then', 'catch', 'finally'])
// These call the function they are given and throw away what it returns, or give it back.
const FORGETS = new Set([
  'forEach',
  'nextTick',
  'on',
  'once',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
])
const HANDS_ON = new Set([...PROMISE_METHODS, 'flatMap', 'map'])

/**
 * Whether somebody waits for the promise of this call before its function goes on: `await`,
 * `return`, an awaited `Promise.all`, or an `await` of the one name it was given.
 */
export function isWaitedFor(code: Code, call: TSESTree.Node): boolean {
  const parent = call.parent
  switch (parent?.type) {
    case AST_NODE_TYPES.AwaitExpression:
      return true
    case AST_NODE_TYPES.ReturnStatement:
      return isResultWaitedFor(code, parent)
    case AST_NODE_TYPES.ArrowFunctionExpression:
      return parent.body === call && isFunctionWaitedFor(code, parent)
    case AST_NODE_TYPES.VariableDeclarator:
      return isNameWaitedFor(code, parent)
    case AST_NODE_TYPES.MemberExpression:
      return isChainWaitedFor(code, parent)
    case AST_NODE_TYPES.CallExpression:
      return parent.callee !== call && isPromiseAll(parent) && isWaitedFor(code, parent)
    case AST_NODE_TYPES.LogicalExpression:
      return isWaitedFor(code, parent)
    case AST_NODE_TYPES.ConditionalExpression:
      return parent.test !== call && isWaitedFor(code, parent)
    case AST_NODE_TYPES.ArrayExpression:
    case AST_NODE_TYPES.SpreadElement:
    case AST_NODE_TYPES.ChainExpression:
    case AST_NODE_TYPES.TSAsExpression:
    case AST_NODE_TYPES.TSNonNullExpression:
    case AST_NODE_TYPES.TSSatisfiesExpression:
      return isWaitedFor(code, parent)
    default:
      return false
  }
}

function isPromiseAll(call: TSESTree.CallExpression): boolean {
  const { callee } = call
  return (
    callee.type === AST_NODE_TYPES.MemberExpression &&
    callee.object.type === AST_NODE_TYPES.Identifier &&
    callee.object.name === 'Promise' &&
    WAITS_FOR_ALL.has(nameOf(callee) ?? '')
  )
}

// `insertRow(trx).then(…)` is waited for as the whole chain is.
function isChainWaitedFor(code: Code, member: TSESTree.MemberExpression): boolean {
  const call = member.parent
  return (
    PROMISE_METHODS.has(nameOf(member) ?? '') &&
    call.type === AST_NODE_TYPES.CallExpression &&
    call.callee === member &&
    isWaitedFor(code, call)
  )
}

function isNameWaitedFor(code: Code, declarator: TSESTree.VariableDeclarator): boolean {
  if (declarator.id.type !== AST_NODE_TYPES.Identifier) return false
  const variable = variableOf(code, declarator.id)
  return (variable?.references ?? []).some(
    ({ identifier }) => identifier !== declarator.id && isWaitedFor(code, identifier),
  )
}

function isResultWaitedFor(code: Code, statement: TSESTree.ReturnStatement): boolean {
  let node: TSESTree.Node | undefined = statement.parent
  while (node && !isFunction(node)) node = node.parent
  return node === undefined || isFunctionWaitedFor(code, node)
}

// What a function returns is its caller's to wait for. Only a function given away on the spot is
// followed: `Promise.all(rows.map(…))` waits, `rows.forEach(…)` throws the promises away.
function isFunctionWaitedFor(code: Code, node: TSESTree.Node): boolean {
  const parent = node.parent
  if (parent?.type !== AST_NODE_TYPES.CallExpression || parent.callee === node) return true
  const name = nameOf(parent.callee) ?? ''
  if (FORGETS.has(name)) return false
  return HANDS_ON.has(name) ? isWaitedFor(code, parent) : true
}

/** The calls whose promises `await node` waits for, on every path that comes past it. */
export function waitedCalls(code: Code, awaited: TSESTree.Node): TSESTree.CallExpression[] {
  const node = bare(awaited)
  switch (node.type) {
    case AST_NODE_TYPES.Identifier: {
      const variable = variableOf(code, node)
      const value = variable && valueOf(variable)
      return value && value.type !== AST_NODE_TYPES.AwaitExpression ? waitedCalls(code, value) : []
    }
    case AST_NODE_TYPES.LogicalExpression:
      return waitedCalls(code, node.left)
    case AST_NODE_TYPES.ArrayExpression:
      return node.elements.flatMap((element) => (element ? waitedCalls(code, element) : []))
    case AST_NODE_TYPES.CallExpression:
      if (isPromiseAll(node)) return node.arguments.flatMap((all) => waitedCalls(code, all))
      return [node, ...calledBefore(code, node)]
    default:
      return []
  }
}

// `insertRow(trx).then(…)` waits for insertRow as well.
function calledBefore(code: Code, call: TSESTree.CallExpression): TSESTree.CallExpression[] {
  if (call.callee.type !== AST_NODE_TYPES.MemberExpression) return []
  if (!PROMISE_METHODS.has(nameOf(call.callee) ?? '')) return []
  return waitedCalls(code, call.callee.object)
}

/**
 * Whether a promise that is awaited inside `node`, a function written inside `around`, holds up
 * `around` too.
 */
export function holdsUp(code: Code, node: TSESTree.Node, around: TSESTree.Node): boolean {
  let inner: TSESTree.Node | undefined = node
  while (inner && inner !== around) {
    if (isFunction(inner) && !isFunctionWaitedFor(code, inner)) return false
    inner = inner.parent
  }
  return true
}
