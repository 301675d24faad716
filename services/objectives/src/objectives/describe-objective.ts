import { RATIFIER, type DecisionKind, type Objective } from '@mumega/contracts/objectives'
import type { Knex } from '@mumega/db'
import { decisionText } from '@mumega/tlog/decision'
import { objectiveNotFound } from '../errors.ts'
import { listDecisions, listObjections } from './decision-repository.ts'
import {
  findVersion,
  findVersions,
  type ObjectiveKey,
  type StoredVersion,
  type VersionKey,
} from './objective-repository.ts'

/**
 * A version with all that was said of it; by default the one that counts, or counted last, or
 * the newest where none ever did.
 *
 * @throws objectives.objective-not-found
 */
export async function describeObjective(
  trx: Knex.Transaction,
  key: ObjectiveKey,
  version?: number,
): Promise<Objective> {
  const versions = await findVersions(trx, key)
  if (versions === undefined) throw objectiveNotFound(key.objectiveId)
  const shown = { ...key, version: version ?? versions.shown }
  const stored = await findVersion(trx, shown)
  if (stored === undefined) throw objectiveNotFound(key.objectiveId, shown.version)
  const objections = await listObjections(trx, shown)
  const decisions = await listDecisions(trx, shown)
  const { createdAt, objections: _count, ...fields } = stored
  return {
    ...fields,
    tenantId: key.tenantId,
    createdAt: createdAt.toISOString(),
    newestVersion: versions.newest,
    ...(versions.ratified !== undefined && { ratifiedVersion: versions.ratified }),
    objections: objections.map(({ at, ...objection }) => ({ ...objection, at: at.toISOString() })),
    decisions: decisions.map(({ at, principalId, reason, ...decided }) => ({
      ...decided,
      principal: principalId,
      at: at.toISOString(),
      ...(reason !== undefined && { reason }),
    })),
    ...(stored.state === 'proposed' && {
      statement: statementOf(shown, stored, { decision: 'ratify' }),
    }),
  }
}

/** What the ratifier signs to decide so of a version as it is now. */
export function statementOf(
  { tenantId, objectiveId, version }: VersionKey,
  { sha256, objections }: Pick<StoredVersion, 'sha256' | 'objections'>,
  { decision, reason }: { decision: DecisionKind; reason?: string | undefined },
): string {
  return decisionText({
    ...{ decision, principal: RATIFIER, tenant: tenantId, objective: objectiveId, version, sha256 },
    // Who ratifies says by it that he knows of each.
    ...(decision === 'ratify' && { objections }),
    ...(reason !== undefined && { reason }),
  })
}
