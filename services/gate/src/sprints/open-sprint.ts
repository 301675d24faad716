import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import {
  EVIDENCE_BYTES_MAX,
  SPRINT_NOTE_BYTES_MAX,
  SPRINT_TITLE_BYTES_MAX,
  SPRINTS_MAX,
  sprintOpened,
  type openCorrectiveSprint,
  type openSprint,
  type Sprint,
} from '@mumega/contracts/gate'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing, unchanged, type Outcome } from '@mumega/db/act'
import { countRows } from '@mumega/db/count-rows'
import { invalidField, limitReached, sprintExists } from '../errors.ts'
import type { Gate } from '../gate.ts'
import { checkText } from '../text.ts'
import { findSprint, insertSprint, lockSprints } from './sprint-repository.ts'

const CORRECTIVE = 'corrective-'

/** @throws gate.sprint-exists, .limit-reached, .invalid-field, .text-too-large, .invalid-text */
export async function handleOpenSprint(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, sprintId, title, note }: RequestOf<typeof openSprint>,
): Promise<ReplyOf<typeof openSprint>> {
  if (sprintId.startsWith(CORRECTIVE)) {
    throw invalidField('sprintId', `begins with ${CORRECTIVE}, as only those of incidents do`)
  }
  checkText('title', title, SPRINT_TITLE_BYTES_MAX)
  checkText('note', note, SPRINT_NOTE_BYTES_MAX)
  const { tenantId, actor } = context
  const content = { actor, sprintId, title, note }
  const request = { requestId, command: 'open-sprint', content }
  return act(db, { context, clock, request }, (trx) =>
    open(trx, {
      ...{ tenantId, sprintId, origin: 'planned', title, openedBy: actor.id },
      ...(note !== undefined && { note }),
      openedAt: clock.now().toISOString(),
    }),
  )
}

/**
 * Opens a corrective sprint, once per incident: of the incident's sprint nothing changes any more.
 *
 * @throws gate.sprint-exists, .limit-reached, .text-too-large, .invalid-text
 */
export async function handleOpenCorrectiveSprint(
  { db, clock }: Gate,
  context: CallContext,
  { requestId, title, trigger }: RequestOf<typeof openCorrectiveSprint>,
): Promise<ReplyOf<typeof openCorrectiveSprint>> {
  checkText('title', title, SPRINT_TITLE_BYTES_MAX)
  trigger.evidence.forEach((one, nth) => {
    checkText(`trigger.evidence[${nth}]`, one, EVIDENCE_BYTES_MAX)
  })
  const { tenantId, actor } = context
  const sprintId = `${CORRECTIVE}${trigger.incidentId}`
  const content = { actor, title, trigger }
  const request = { requestId, command: 'open-corrective-sprint', content }
  return act(db, { context, clock, request }, async (trx) => {
    // Before it is looked for: of two at once the second finds what the first has opened.
    await lockSprints(trx, tenantId)
    const known = await findSprint(trx, { tenantId, sprintId })
    if (known?.trigger?.incidentId === trigger.incidentId) return unchanged(known)
    return open(trx, {
      ...{ tenantId, sprintId, origin: 'corrective', title, openedBy: actor.id },
      ...{ openedAt: clock.now().toISOString(), trigger },
    })
  })
}

async function open(trx: Knex.Transaction, sprint: Sprint): Promise<Outcome<Sprint>> {
  const { tenantId, sprintId, origin, title, trigger } = sprint
  await lockSprints(trx, tenantId)
  const limit = SPRINTS_MAX
  if ((await countRows(trx, 'sprints', { tenantId, limit })) >= limit)
    throw limitReached('sprints', limit)
  if (!(await insertSprint(trx, sprint))) throw sprintExists(sprintId)
  return {
    reply: sprint,
    audit: [
      {
        action: 'sprint.opened',
        target: `sprint:${sprintId}`,
        payload: { origin, title, ...(trigger !== undefined && { trigger }) },
      },
    ],
    events: [outgoing(sprintOpened, { tenantId, sprintId, origin })],
  }
}
