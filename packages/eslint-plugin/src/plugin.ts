import { noAuditBeforeWrite } from './no-audit-before-write.ts'

/** The project's own ESLint rules. */
export const plugin = {
  meta: { name: '@mumega/eslint-plugin', version: '0.1.0' },
  rules: { 'no-audit-before-write': noAuditBeforeWrite },
}
