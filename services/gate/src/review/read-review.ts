import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { getIteration, listFindings } from '@mumega/contracts/gate-review'
import type { CallContext } from '@mumega/contracts/scalars'
import { readAs } from '@mumega/db/act'
import { trackNotFound } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { findTrack } from '../sprints/track-repository.ts'
import { readJudged } from '../verdicts/judged.ts'
import { listVerdicts } from '../verdicts/verdict-repository.ts'
import { listFindings as list } from './finding-repository.ts'

/** @throws gate.iteration-not-found */
export async function handleGetIteration(
  { db }: Gate,
  context: CallContext,
  { sprintId, trackId, iteration }: RequestOf<typeof getIteration>,
): Promise<ReplyOf<typeof getIteration>> {
  const { tenantId } = context
  const key = { tenantId, sprintId, trackId, iteration }
  return readAs(db, context, async (trx) => {
    const { judged, sha256 } = await readJudged(trx, key)
    return { tenantId, judged, sha256, verdicts: await listVerdicts(trx, key) }
  })
}

/** @throws gate.track-not-found */
export async function handleListFindings(
  { db }: Gate,
  context: CallContext,
  { sprintId, trackId, limit, after = 0 }: RequestOf<typeof listFindings>,
): Promise<ReplyOf<typeof listFindings>> {
  const key = { tenantId: context.tenantId, sprintId, trackId }
  return readAs(db, context, async (trx) => {
    if ((await findTrack(trx, key)) === undefined) throw trackNotFound(sprintId, trackId)
    const found = await list(trx, { ...key, after, limit: limit + 1 })
    const listed = found.slice(0, limit)
    const last = listed.at(-1)
    return {
      findings: listed,
      ...(found.length > limit && last !== undefined && { next: String(last.number) }),
    }
  })
}
