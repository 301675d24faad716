import { statementText } from './statement.ts'

/** What is decided of one version of an objective. */
export interface DecisionFields {
  readonly decision: 'ratify' | 'decline' | 'retire'
  readonly principal: string
  readonly tenant: string
  readonly objective: string
  readonly version: number
  /** Of the content's canonical JSON, as lower-case hex. */
  readonly sha256: string
  /** Put to the version: who ratifies it says how many are known. Of a ratification only. */
  readonly objections?: number
  /** Of the others only. */
  readonly reason?: string
}

/** What the ratifier signs; it binds one version of one objective by the hash of its content. */
export function decisionText(fields: DecisionFields): string {
  const { decision, principal, tenant, objective, version, sha256, objections, reason } = fields
  return statementText(`${decision}-objective`, {
    ...{ principal, tenant, objective, version, sha256 },
    ...(objections !== undefined && { objections }),
    ...(reason !== undefined && { reason }),
  })
}
