import { AST_NODE_TYPES, type TSESLint, type TSESTree } from '@typescript-eslint/utils'
import type { FunctionNode } from './names.ts'

type Segment = TSESLint.CodePathSegment

/**
 * The ways through one function: its awaits, calls and results, in the order in which they are
 * carried out.
 */
export class Flow {
  readonly node: TSESTree.Node
  readonly #initial: Segment
  readonly #steps = new Map<Segment, TSESTree.Node[]>()
  readonly #open = new Set<Segment>()

  constructor(node: TSESTree.Node, initial: Segment) {
    this.node = node
    this.#initial = initial
  }

  enter(segment: Segment): void {
    this.#open.add(segment)
    if (!this.#steps.has(segment)) this.#steps.set(segment, [])
  }

  leave(segment: Segment): void {
    this.#open.delete(segment)
  }

  record(step: TSESTree.Node): void {
    for (const segment of this.#open) this.#steps.get(segment)?.push(step)
  }

  /**
   * The steps that can be reached without passing a step for which `isWrite` holds, themselves left
   * out.
   */
  unguarded(isWrite: (step: TSESTree.Node) => boolean): Set<TSESTree.Node> {
    const reached = new Set<TSESTree.Node>()
    this.#follow({ from: [this.#initial], reached, isWrite })
    return reached
  }

  /** The steps that may be carried out after `step`. */
  after(step: TSESTree.Node): Set<TSESTree.Node> {
    const reached = new Set<TSESTree.Node>()
    for (const [segment, steps] of this.#steps) {
      const at = steps.indexOf(step)
      if (at === -1) continue
      for (const later of steps.slice(at + 1)) reached.add(later)
      this.#follow({ from: segment.nextSegments, reached, isWrite: () => false })
    }
    return reached
  }

  #follow(walk: {
    from: readonly Segment[]
    reached: Set<TSESTree.Node>
    isWrite: (step: TSESTree.Node) => boolean
  }): void {
    const seen = new Set<Segment>()
    const waiting = [...walk.from]
    for (let segment = waiting.pop(); segment; segment = waiting.pop()) {
      if (seen.has(segment)) continue
      seen.add(segment)
      const steps = this.#steps.get(segment) ?? []
      const write = steps.findIndex((step) => walk.isWrite(step))
      for (const step of write === -1 ? steps : steps.slice(0, write)) walk.reached.add(step)
      if (write === -1) waiting.push(...segment.nextSegments)
    }
  }
}

/** Records the flow of every function of a file. `listener` is to be merged into the rule's own. */
export function recordFlows(): {
  flows: Map<TSESTree.Node, Flow>
  listener: TSESLint.RuleListener
} {
  const flows = new Map<TSESTree.Node, Flow>()
  const stack: Flow[] = []
  const record = (node: TSESTree.Node) => stack.at(-1)?.record(node)
  const listener = {
    onCodePathStart(path: TSESLint.CodePath, node: TSESTree.Node) {
      const flow = new Flow(node, path.initialSegment)
      flows.set(node, flow)
      stack.push(flow)
    },
    onCodePathEnd: () => stack.pop(),
    onCodePathSegmentStart: (segment: Segment) => stack.at(-1)?.enter(segment),
    onCodePathSegmentEnd: (segment: Segment) => stack.at(-1)?.leave(segment),
    'AwaitExpression:exit': record,
    'CallExpression:exit': record,
    'ReturnStatement:exit': record,
    'ArrowFunctionExpression:exit'(node: TSESTree.ArrowFunctionExpression) {
      if (node.body.type !== AST_NODE_TYPES.BlockStatement) record(node.body)
    },
  }
  // The code path events take two arguments, which the listener's type cannot say
  // (typescript-eslint#6993).
  return { flows, listener: listener as unknown as TSESLint.RuleListener }
}

/** The results among some steps of a function. */
export function resultsOf(
  steps: Iterable<TSESTree.Node>,
  around: FunctionNode,
): TSESTree.Expression[] {
  return [...steps].flatMap((step) => {
    if (step.type === AST_NODE_TYPES.ReturnStatement) return step.argument ? [step.argument] : []
    const { body } = around
    return body.type !== AST_NODE_TYPES.BlockStatement && step === body ? [body] : []
  })
}
