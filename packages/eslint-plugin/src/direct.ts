import { AST_NODE_TYPES, type TSESTree } from '@typescript-eslint/utils'
import { importedName, nameOf, type Code } from './names.ts'
import { textOf } from './transaction.ts'

// How knex names a table, beside calling the handle itself.
const NAMES_TABLE = new Set(['from', 'into', 'join', 'leftJoin', 'table'])
const PUBLISHES = new Set(['publish', 'request', 'outgoing'])
const HEARS = new Set(['consume', 'hear', 'subscribe'])

/** Whether a call names the table `outbox`, which only `act` writes and only the relay reads. */
export function touchesOutbox(call: TSESTree.CallExpression): boolean {
  const text = call.arguments[0] && textOf(call.arguments[0])
  if (text === undefined) return false
  const name = nameOf(call.callee) ?? ''
  if (name === 'raw') return /\boutbox\b/i.test(text)
  const isHandle =
    call.callee.type === AST_NODE_TYPES.Identifier && /^(db|trx|knex|database)$/i.test(name)
  const isTable = isHandle || NAMES_TABLE.has(name)
  return isTable && /^(\w+\.)?outbox(\s+as\s+\w+)?$/i.test(text)
}

/** Whether a call publishes an audit intent by itself, or names the subject for it. */
export function publishesAudit(code: Code, call: TSESTree.CallExpression): boolean {
  if (importedName(code, call.callee, '@mumega/contracts/audit') === 'auditAppend') {
    const { parent } = call
    const isHeard =
      parent.type === AST_NODE_TYPES.CallExpression && HEARS.has(nameOf(parent.callee) ?? '')
    return !isHeard
  }
  const text = call.arguments[0] && textOf(call.arguments[0])
  return PUBLISHES.has(nameOf(call.callee) ?? '') && /^aud\./.test(text ?? '')
}

/** Whether a call asks the audit-ledger to seal an entry at once. */
export function appendsAtOnce(code: Code, call: TSESTree.CallExpression): boolean {
  const [contract] = call.arguments
  return (
    nameOf(call.callee) === 'request' &&
    contract !== undefined &&
    importedName(code, contract, '@mumega/contracts/audit-ledger') === 'append'
  )
}
