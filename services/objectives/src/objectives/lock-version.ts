import type { Knex } from '@mumega/db'
import { objectiveNotFound } from '../errors.ts'
import {
  findVersion,
  lockObjective,
  type StoredVersion,
  type VersionKey,
} from './objective-repository.ts'

/**
 * A version, of whose objective nothing else changes until `trx` ends.
 *
 * @throws objectives.objective-not-found
 */
export async function lockVersion(trx: Knex.Transaction, key: VersionKey): Promise<StoredVersion> {
  if ((await lockObjective(trx, key)) === undefined) throw objectiveNotFound(key.objectiveId)
  const stored = await findVersion(trx, key)
  if (stored === undefined) throw objectiveNotFound(key.objectiveId, key.version)
  return stored
}
