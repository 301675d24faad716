import { statementText } from './statement.ts'

/** What is said of one iteration of a track. */
export interface GateVerdictFields {
  readonly principal: string
  readonly tenant: string
  readonly sprint: string
  readonly track: string
  readonly iteration: number
  readonly commit: string
  readonly verdict: 'GREEN' | 'BLOCKED' | 'REFINE' | 'PENDING'
  /** Of the canonical JSON of all that is judged, as lower-case hex. */
  readonly sha256: string
}

/** What the gate's principal signs; it binds one iteration with all that was reported and found. */
export function gateVerdictText(fields: GateVerdictFields): string {
  const { principal, tenant, sprint, track, iteration, commit, verdict, sha256 } = fields
  return statementText('gate-verdict', {
    ...{ principal, tenant, sprint, track, iteration, commit, verdict, sha256 },
  })
}
