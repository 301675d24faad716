import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import {
  bare,
  functionOf,
  isFunction,
  isInside,
  nameOf,
  parameterOf,
  valueOf,
  variableOf,
  walk,
  type Code,
  type FunctionNode,
  type Variable,
} from './names.ts'

/**
 * What a call does with the transaction. `write`: it changes rows, by what it is seen to do or by
 * its name. `handed`: it was given the transaction and its name does not say that it only reads.
 * `read`: nothing changes.
 */
export type Effect = 'write' | 'handed' | 'read'

// By house style a repository's function says by its first word whether it changes anything.
const READS = words(
  'assert check compare count describe exists fetch find get has is list load lock read require ' +
    'search select sum validate verify',
)
const WRITES = words(
  'add append archive clear close complete create decrement delete increment insert mark merge ' +
    'move open put record register remove replace revoke save seal set store truncate update ' +
    'upsert write',
)
const BUT_WRITES = /Or(Add|Create|Insert|Make|Register|Save|Update)/

const BUILDER_WRITES = new Set([
  'batchInsert',
  'decrement',
  'del',
  'delete',
  'increment',
  'insert',
  'merge',
  'truncate',
  'update',
  'upsert',
])
const SQL_WRITES = /\b(insert|update|delete|merge|truncate|copy|call)\b/i
const SQL_LOCKS = /\bfor\s+(no\s+key\s+)?update\b/gi

/**
 * What a call does with the transaction that `trx` names; undefined when it has nothing to do with
 * it.
 */
export function effectOf(
  code: Code,
  call: TSESTree.CallExpression,
  trx: Variable,
): Effect | undefined {
  return new EffectReader(code).effectOf(call, trx)
}

// It remembers which functions are being read, so that two functions that call each other end.
class EffectReader {
  readonly #code: Code
  readonly #reading = new Set<FunctionNode>()

  constructor(code: Code) {
    this.#code = code
  }

  effectOf(call: TSESTree.CallExpression, trx: Variable): Effect | undefined {
    const chain = chainOf(this.#code, call)
    if (chain?.variable === trx) return this.#effectOfChain(chain)
    const local = functionOf(this.#code, call.callee)
    const inner = local && handedAs(this.#code, call, { trx, local })
    if (local && inner) return this.#effectOfBody(local, inner)
    if (handsOver(this.#code, call, trx)) return effectOfName(nameOf(call.callee))
    // A function written inside the callback uses the transaction around it.
    const around = trx.defs[0]?.node
    if (!local || !isFunction(around) || local === around || !isInside(local, around)) {
      return undefined
    }
    return this.#effectOfBody(local, trx)
  }

  #effectOfChain({ calls }: Chain): Effect {
    const savepoint = calls.find((call) => nameOf(call.callee) === 'transaction')
    if (savepoint) {
      const [change] = savepoint.arguments
      const body = change && functionOf(this.#code, change)
      const inner = body && firstParameter(this.#code, body)
      return body && inner ? this.#effectOfBody(body, inner) : 'read'
    }
    return calls.some((call) => isBuilderWrite(call)) ? 'write' : 'read'
  }

  #effectOfBody(body: FunctionNode, trx: Variable): Effect {
    if (this.#reading.has(body)) return 'read'
    this.#reading.add(body)
    const effects = new Set<Effect | undefined>()
    walk(this.#code, body.body, (node) => {
      if (node.type === AST_NODE_TYPES.CallExpression) effects.add(this.effectOf(node, trx))
    })
    this.#reading.delete(body)
    if (effects.has('write')) return 'write'
    return effects.has('handed') ? 'handed' : 'read'
  }
}

function effectOfName(name = ''): Effect {
  const [word = ''] = /^[a-z]*/.exec(name) ?? []
  if (READS.has(word) && !BUT_WRITES.test(name)) return 'read'
  return WRITES.has(word) || BUT_WRITES.test(name) ? 'write' : 'handed'
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}

interface Chain {
  variable: Variable
  /** Every call of the chain, the last one first. */
  calls: TSESTree.CallExpression[]
}

/** `trx('wallets').where(…).update(…)`: the variable at its root, and its calls. */
export function chainOf(code: Code, expression: TSESTree.Node): Chain | undefined {
  const calls: TSESTree.CallExpression[] = []
  const seen = new Set<Variable>()
  let node = bare(expression)
  for (;;) {
    if (node.type === AST_NODE_TYPES.CallExpression) {
      calls.push(node)
      node = bare(node.callee)
    } else if (node.type === AST_NODE_TYPES.MemberExpression) node = bare(node.object)
    else if (node.type === AST_NODE_TYPES.ChainExpression) node = bare(node.expression)
    else if (node.type !== AST_NODE_TYPES.Identifier) return undefined
    else {
      const variable = variableOf(code, node)
      const value = variable && valueOf(variable)
      if (!variable || seen.has(variable)) return undefined
      // `const wallets = trx('wallets')` goes on to trx; what was awaited is rows, not a query.
      const isQuery = value && value.type !== AST_NODE_TYPES.AwaitExpression && chainOf(code, value)
      if (!isQuery) return { variable, calls }
      seen.add(variable)
      node = bare(value)
    }
  }
}

function isBuilderWrite(call: TSESTree.CallExpression): boolean {
  const name = nameOf(call.callee)
  if (call.callee.type !== AST_NODE_TYPES.MemberExpression || name === undefined) return false
  return name === 'raw' ? sqlWrites(call.arguments[0]) : BUILDER_WRITES.has(name)
}

// SQL that cannot be read here is taken for a write: it was sent to be carried out.
function sqlWrites(sql: TSESTree.Node | undefined): boolean {
  const text = sql && textOf(sql)
  return text === undefined || SQL_WRITES.test(text.replaceAll(SQL_LOCKS, ''))
}

/** The text of a string in the source; a template's holes read as a space. */
export function textOf(node: TSESTree.Node): string | undefined {
  if (node.type === AST_NODE_TYPES.Literal) {
    return typeof node.value === 'string' ? node.value : undefined
  }
  if (node.type !== AST_NODE_TYPES.TemplateLiteral) return undefined
  return node.quasis.map((quasi) => quasi.value.cooked).join(' ')
}

function means(code: Code, node: TSESTree.Node | null, variable: Variable): boolean {
  if (node?.type !== AST_NODE_TYPES.Identifier) return false
  const meant = chainOf(code, node)
  return meant?.variable === variable && meant.calls.length === 0
}

function partsOf(argument: TSESTree.Node): [name: string | undefined, value: TSESTree.Node][] {
  if (argument.type !== AST_NODE_TYPES.ObjectExpression) return [[undefined, argument]]
  return argument.properties.flatMap((property): [string | undefined, TSESTree.Node][] =>
    property.type === AST_NODE_TYPES.Property ? [[keyOf(property), property.value]] : [],
  )
}

/** The name of a property that is not computed. */
export function keyOf(property: TSESTree.Property): string | undefined {
  if (property.computed) return undefined
  if (property.key.type === AST_NODE_TYPES.Identifier) return property.key.name
  return property.key.type === AST_NODE_TYPES.Literal ? String(property.key.value) : undefined
}

function handsOver(code: Code, call: TSESTree.CallExpression, trx: Variable): boolean {
  return call.arguments.some((argument) =>
    partsOf(argument).some(([, value]) => means(code, value, trx)),
  )
}

/** Under which variable the called function of this file receives the transaction. */
export function handedAs(
  code: Code,
  call: TSESTree.CallExpression,
  { trx, local }: { trx: Variable; local: FunctionNode },
): Variable | undefined {
  for (const [index, argument] of call.arguments.entries()) {
    for (const [key, value] of partsOf(argument)) {
      if (!means(code, value, trx)) continue
      const parameter = local.params[index]
      const name =
        key ?? (parameter?.type === AST_NODE_TYPES.Identifier ? parameter.name : undefined)
      if (name !== undefined) return parameterOf(code, local, name)
    }
  }
  return undefined
}

/** The variable of a function's first parameter, when it is a plain name. */
export function firstParameter(code: Code, node: FunctionNode): Variable | undefined {
  const [first] = node.params
  return first?.type === AST_NODE_TYPES.Identifier ? parameterOf(code, node, first.name) : undefined
}
