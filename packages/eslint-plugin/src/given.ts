import * as parser from '@typescript-eslint/parser'
import { RuleTester, type Rule } from 'eslint'
import { noAuditBeforeWrite } from './no-audit-before-write.ts'

const tester = new RuleTester({ languageOptions: { parser, sourceType: 'module' } })
// ESLint's own types describe a rule over plain JavaScript's tree; this one reads TypeScript's.
const rule = noAuditBeforeWrite as unknown as Rule.RuleModule

export const IMPORTS = `
  import type { Knex } from 'knex'
  import { act, outgoing, unchanged, type Outcome } from '@mumega/db/act'
  import { auditAppend } from '@mumega/contracts/audit'
  import { append } from '@mumega/contracts/audit-ledger'
  import { findWallet, getOrCreateWallet, insertWallet, lockWallet, prepare } from './wallets.ts'
`
export const RECORD = `{ action: 'wallet.opened', target: 'wallet:1', payload: {} }`

/** A file in which one act runs a change with this body. */
export function change(body: string): string {
  return `${IMPORTS}
    export async function open(db: Knex, bus: Bus) {
      return act(db, { context, clock }, async (trx) => { ${body} })
    }`
}

export const AUDITED = `return { reply: 1, audit: [${RECORD}], events: [] }`
export const QUIET = 'return { reply: 1, audit: [], events: [] }'

export interface Cases {
  /** What is allowed, by the end of a sentence. */
  valid: Record<string, string | { code: string; direct: 'allowed' }>
  /** What is refused, and with which message. */
  invalid: Record<string, [code: string, messageId: string]>
}

/** Gives the rule each file, through ESLint's own RuleTester. */
export function judge(title: string, { valid, invalid }: Cases): void {
  tester.run(title, rule, {
    valid: Object.entries(valid).map(([name, file]) =>
      typeof file === 'string'
        ? { name: `allows ${name}`, code: file }
        : { name: `allows ${name}`, code: file.code, options: [{ direct: file.direct }] },
    ),
    invalid: Object.entries(invalid).map(([name, [code, messageId]]) => ({
      name: `refuses ${name}`,
      code,
      errors: [{ messageId }],
    })),
  })
}
