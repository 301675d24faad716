import { statementText } from './statement.ts'

/** What is signed to have a day computed out of turn. A day is computed once, so it counts once. */
export function progressRunText(run: { principal: string; tenant: string; day: string }): string {
  const { principal, tenant, day } = run
  return statementText('run-progress', { principal, tenant, day })
}
