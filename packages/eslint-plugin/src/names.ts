import { ASTUtils, AST_NODE_TYPES, TSESLint, type TSESTree } from '@typescript-eslint/utils'

export type Code = Readonly<TSESLint.SourceCode>
export type Variable = TSESLint.Scope.Variable
export type FunctionNode =
  TSESTree.ArrowFunctionExpression | TSESTree.FunctionDeclaration | TSESTree.FunctionExpression

// Names lead to names; a chain longer than this is nobody's code, and a cycle must end.
const STEPS_MAX = 10

/** The variable that an identifier means where it stands. */
export function variableOf(code: Code, node: TSESTree.Identifier): Variable | undefined {
  return ASTUtils.findVariable(code.getScope(node), node.name) ?? undefined
}

/**
 * The expression that a variable stands for: given once, where it is declared, and never assigned
 * again.
 */
export function valueOf(variable: Variable): TSESTree.Expression | undefined {
  const [definition] = variable.defs
  if (variable.defs.length !== 1 || definition?.node.type !== AST_NODE_TYPES.VariableDeclarator) {
    return undefined
  }
  const { id, init } = definition.node
  const writes = variable.references.filter((reference) => reference.isWrite())
  if (id.type !== AST_NODE_TYPES.Identifier || writes.length !== 1) return undefined
  return init ?? undefined
}

/** The expression without parentheses' company: type assertions, `!` and `await`. */
export function bare(node: TSESTree.Node): TSESTree.Node {
  switch (node.type) {
    case AST_NODE_TYPES.TSAsExpression:
    case AST_NODE_TYPES.TSSatisfiesExpression:
    case AST_NODE_TYPES.TSNonNullExpression:
    case AST_NODE_TYPES.TSTypeAssertion:
      return bare(node.expression)
    default:
      return node
  }
}

/** Whether the node is a function with a body of its own. */
export function isFunction(node: TSESTree.Node | null | undefined): node is FunctionNode {
  return (
    node?.type === AST_NODE_TYPES.ArrowFunctionExpression ||
    node?.type === AST_NODE_TYPES.FunctionDeclaration ||
    node?.type === AST_NODE_TYPES.FunctionExpression
  )
}

/**
 * The function of this file that an expression means: written in place, by its name, or made by a
 * call.
 */
export function functionOf(
  code: Code,
  expression: TSESTree.Node,
  steps = STEPS_MAX,
): FunctionNode | undefined {
  const node = bare(expression)
  if (isFunction(node)) return node
  if (steps === 0) return undefined
  if (node.type === AST_NODE_TYPES.CallExpression) {
    const maker = functionOf(code, node.callee, steps - 1)
    const made = maker && onlyResult(maker)
    return made && functionOf(code, made, steps - 1)
  }
  if (node.type !== AST_NODE_TYPES.Identifier) return undefined
  const variable = variableOf(code, node)
  const definition = variable?.defs[0]
  // A parameter's definition leads to a function too: the one that it is a parameter of.
  const isDeclared = definition?.type === TSESLint.Scope.DefinitionType.FunctionName
  if (isDeclared && isFunction(definition.node)) return definition.node
  const value = variable && valueOf(variable)
  return value && functionOf(code, value, steps - 1)
}

function onlyResult(node: FunctionNode): TSESTree.Node | undefined {
  if (node.body.type !== AST_NODE_TYPES.BlockStatement) return node.body
  const last = node.body.body.at(-1)
  return last?.type === AST_NODE_TYPES.ReturnStatement ? (last.argument ?? undefined) : undefined
}

/** The variable that a plain parameter, or the same-named part of a destructured one, declares. */
export function parameterOf(code: Code, node: FunctionNode, name: string): Variable | undefined {
  return code.getDeclaredVariables?.(node).find((variable) => variable.name === name)
}

/**
 * The name by which a call names what it does: `insertRow(…)` and `rows.insertRow(…)` give
 * `insertRow`.
 */
export function nameOf(callee: TSESTree.Node): string | undefined {
  const node = bare(callee)
  if (node.type === AST_NODE_TYPES.Identifier) return node.name
  if (node.type !== AST_NODE_TYPES.MemberExpression) return undefined
  if (node.property.type === AST_NODE_TYPES.Identifier && !node.computed) return node.property.name
  return node.property.type === AST_NODE_TYPES.Literal ? String(node.property.value) : undefined
}

/** The name under which a module exports what this identifier was imported as. */
export function importedName(code: Code, node: TSESTree.Node, module: string): string | undefined {
  if (node.type === AST_NODE_TYPES.MemberExpression) {
    const whole = importedName(code, node.object, module)
    return whole === '*' ? nameOf(node) : undefined
  }
  if (node.type !== AST_NODE_TYPES.Identifier) return undefined
  const definition = variableOf(code, node)?.defs[0]
  const declaration = definition?.parent
  if (declaration?.type !== AST_NODE_TYPES.ImportDeclaration) return undefined
  if (declaration.source.value !== module) return undefined
  const specifier = definition?.node
  if (specifier?.type === AST_NODE_TYPES.ImportNamespaceSpecifier) return '*'
  if (specifier?.type !== AST_NODE_TYPES.ImportSpecifier) return undefined
  const { imported } = specifier
  return imported.type === AST_NODE_TYPES.Identifier ? imported.name : imported.value
}

/** Visits a node and everything below it, in the order of the source. */
export function walk(code: Code, node: TSESTree.Node, visit: (node: TSESTree.Node) => void): void {
  visit(node)
  for (const key of code.visitorKeys[node.type] ?? []) {
    const below: unknown = node[key as keyof TSESTree.Node]
    for (const child of Array.isArray(below) ? below : [below]) {
      if (isNode(child)) walk(code, child, visit)
    }
  }
}

function isNode(value: unknown): value is TSESTree.Node {
  return typeof value === 'object' && value !== null && 'type' in value
}

/** Whether `inner` stands inside `outer`. */
export function isInside(inner: TSESTree.Node, outer: TSESTree.Node): boolean {
  return inner.range[0] >= outer.range[0] && inner.range[1] <= outer.range[1]
}
