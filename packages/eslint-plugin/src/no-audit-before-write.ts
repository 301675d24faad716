import { AST_NODE_TYPES, ESLintUtils, type TSESLint, type TSESTree } from '@typescript-eslint/utils'
import {
  auditsBeforeWrite,
  delegates,
  floatingWrites,
  foreignHandles,
  nestedActs,
  type Change,
} from './change.ts'
import { appendsAtOnce, publishesAudit, touchesOutbox } from './direct.ts'
import { recordFlows, type Flow } from './flow.ts'
import { functionOf, importedName, isFunction, isInside, type Code } from './names.ts'
import { firstParameter } from './transaction.ts'
import { ACT_MODULE, makesOutcome, transactionOf } from './outcome.ts'

const MESSAGES = {
  auditBeforeWrite:
    'On some path no awaited write of this transaction comes before this result, which may hold ' +
    'an audit record. Write first; where nothing changed, return `unchanged(reply)`.',
  floatingWrite:
    'Nobody waits for this write: the audit record could be stored before it. Await it here.',
  foreignHandle:
    '`{{name}}` is outside of the transaction: what it does is not undone or audited with the ' +
    "rest. Use the change's own transaction.",
  nestedAct:
    'An act inside an act commits by itself, although the outer one may still fail. Make it one.',
  hiddenChange:
    'The order of write and audit cannot be seen here. Give `act` a function of this file.',
  hiddenAct: '`act` may only be called, so that each of its changes can be checked.',
  outboxTouched:
    'The outbox belongs to `act` and the relay. Return events and audit records from the change.',
  auditPublished:
    'An audit intent reaches the bus only through `act` and the outbox. Return it as `audit`.',
  appendBeforeWrite:
    'This seals an entry before the write that it speaks of is committed. Append after `act`.',
}

type MessageId = keyof typeof MESSAGES
type Options = [{ direct?: 'refused' | 'allowed' }]
type Context = Readonly<TSESLint.RuleContext<MessageId, Options>>

/**
 * An audit record may be made only after, and in the same transaction as, the write that it speaks
 * of.
 */
export const noAuditBeforeWrite = ESLintUtils.RuleCreator.withoutDocs<Options, MessageId>({
  meta: {
    type: 'problem',
    docs: { description: 'An audit record only after, and with, the write that it speaks of.' },
    messages: MESSAGES,
    schema: [
      {
        type: 'object',
        properties: { direct: { type: 'string', enum: ['refused', 'allowed'] } },
        additionalProperties: false,
      },
    ],
    defaultOptions: [{ direct: 'refused' }],
  },
  create(context, [options]) {
    const { flows, listener } = recordFlows()
    const calls: TSESTree.CallExpression[] = []
    return {
      ...listener,
      CallExpression: (call) => calls.push(call),
      'Program:exit'() {
        checkFile(context, calls, flows)
        if (options.direct !== 'allowed') checkDirect(context, calls)
      },
    }
  },
})

function checkFile(
  context: Context,
  calls: readonly TSESTree.CallExpression[],
  flows: ReadonlyMap<TSESTree.Node, Flow>,
): void {
  const code = context.sourceCode
  const acts = calls.filter((call) => importedName(code, call.callee, ACT_MODULE) === 'act')
  const changes = changesOf(context, acts, flows)
  for (const change of changes) checkChange(context, change, flows)
  checkAppends(context, { calls, acts, changes }, flows)
  checkUses(context)
}

function changesOf(
  context: Context,
  acts: readonly TSESTree.CallExpression[],
  flows: ReadonlyMap<TSESTree.Node, Flow>,
): Change[] {
  const code = context.sourceCode
  const changes = new Map<TSESTree.Node, Change>()
  for (const call of acts) {
    const [database, , given] = call.arguments
    const node = given && functionOf(code, given)
    if (!node) context.report({ node: given ?? call, messageId: 'hiddenChange' })
    else {
      changes.set(node, { node, trx: firstParameter(code, node), ...(database && { database }) })
    }
  }
  for (const node of flows.keys()) {
    if (!isFunction(node) || changes.has(node) || !makesOutcome(code, node)) continue
    const trx = transactionOf(code, node)
    if (trx) changes.set(node, { node, trx })
  }
  // A Map goes on to what is added while it is walked, so that delegates of delegates come too.
  for (const change of changes.values()) {
    const flow = flows.get(change.node)
    for (const delegate of flow ? delegates(code, change, flow) : []) {
      if (!changes.has(delegate.node)) changes.set(delegate.node, delegate)
    }
  }
  return [...changes.values()]
}

function checkChange(
  context: Context,
  change: Change,
  flows: ReadonlyMap<TSESTree.Node, Flow>,
): void {
  const code = context.sourceCode
  const flow = flows.get(change.node)
  const report = (messageId: MessageId, nodes: readonly TSESTree.Node[]) => {
    for (const node of nodes) {
      context.report({ node, messageId, data: { name: code.getText(node) } })
    }
  }
  if (flow) report('auditBeforeWrite', auditsBeforeWrite(code, change, flow))
  report('floatingWrite', floatingWrites(code, change))
  const nested = nestedActs(code, change)
  report('nestedAct', nested)
  // An act inside the change has been reported; that it uses the database goes with it.
  const foreign = foreignHandles(code, change)
  report(
    'foreignHandle',
    foreign.filter((node) => !nested.some((act) => isInside(node, act))),
  )
}

interface Appends {
  calls: readonly TSESTree.CallExpression[]
  acts: readonly TSESTree.CallExpression[]
  changes: readonly Change[]
}

function checkAppends(
  context: Context,
  { calls, acts, changes }: Appends,
  flows: ReadonlyMap<TSESTree.Node, Flow>,
): void {
  const isAct = (node: TSESTree.Node) =>
    node.type === AST_NODE_TYPES.CallExpression && acts.includes(node)
  for (const call of calls) {
    if (!appendsAtOnce(context.sourceCode, call)) continue
    const isInChange = changes.some(({ node }) => isInside(call, node))
    const isFollowed = [...flows.values()].some((flow) => [...flow.after(call)].some(isAct))
    if (isInChange || isFollowed) context.report({ node: call, messageId: 'appendBeforeWrite' })
  }
}

function checkUses(context: Context): void {
  for (const { variable, node } of importsOfAct(context.sourceCode)) {
    for (const { identifier } of variable.references) {
      const { parent } = identifier
      const isCalled = parent.type === AST_NODE_TYPES.CallExpression && parent.callee === identifier
      if (!isCalled && identifier !== node.local) {
        context.report({ node: identifier, messageId: 'hiddenAct' })
      }
    }
  }
}

function importsOfAct(code: Code) {
  return code.ast.body
    .filter((node) => node.type === AST_NODE_TYPES.ImportDeclaration)
    .filter((node) => node.source.value === ACT_MODULE)
    .flatMap((node) => node.specifiers)
    .filter((node) => node.type === AST_NODE_TYPES.ImportSpecifier)
    .filter(
      ({ imported }) => imported.type === AST_NODE_TYPES.Identifier && imported.name === 'act',
    )
    .flatMap((node) =>
      (code.getDeclaredVariables?.(node) ?? []).map((variable) => ({ variable, node })),
    )
}

function checkDirect(context: Context, calls: readonly TSESTree.CallExpression[]): void {
  const code = context.sourceCode
  for (const node of calls) {
    if (touchesOutbox(node)) context.report({ node, messageId: 'outboxTouched' })
    if (publishesAudit(code, node)) context.report({ node, messageId: 'auditPublished' })
  }
}
