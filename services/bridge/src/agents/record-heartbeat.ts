import {
  heartbeatRecorded,
  NOTE_BYTES_MAX,
  type HeartbeatStatus,
  type recordHeartbeat,
  type Run,
} from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { act, outgoing } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { agentNotFound, tooManyRuns } from '../errors.ts'
import { boundAgent } from '../identity.ts'
import { checkText } from '../text.ts'
import {
  findNames,
  insertRun,
  updateLastRun,
  upsertPresence,
  type AgentKey,
} from './agent-repository.ts'

// A start and an end that are further apart have nothing to do with each other.
const RUN_MS_MAX = 3 * 86_400_000

/**
 * Records that the calling agent is alive (LOCK-MON-1: `boundAgent` refuses any other). It is no
 * act, so it leaves no audit entry; presence and event commit together. Safe to call twice.
 *
 * @throws bridge.identity-binding-mismatch, bridge.sender-not-an-agent, bridge.agent-not-found,
 * bridge.text-too-large, bridge.invalid-text, bridge.too-many-runs
 */
export async function handleRecordHeartbeat(
  { db, clock }: Bridge,
  context: CallContext,
  { agent: claimed, note, run, ...beat }: RequestOf<typeof recordHeartbeat>,
): Promise<ReplyOf<typeof recordHeartbeat>> {
  const name = boundAgent(context, claimed)
  const { tenantId } = context
  if (note !== undefined) checkText({ field: 'note', value: note, limitBytes: NOTE_BYTES_MAX })
  return act(db, { context, clock }, async (trx) => {
    const known = await findNames(trx, { tenantId, names: [name] })
    if (!known.has(name)) throw agentNotFound(name)
    const lastSeenAt = clock.now()
    const status = beat.status ?? statusAfter(run?.signal)
    // It locks the presence: of two signals of one agent one comes after the other.
    await upsertPresence(trx, { tenantId, name, status, note, lastSeenAt })
    if (run !== undefined) await recordRun(trx, { tenantId, name, at: lastSeenAt, ...run })
    const at = lastSeenAt.toISOString()
    const heartbeat = {
      tenantId,
      principal: `agent:${name}`,
      status,
      ...(note === undefined ? {} : { note }),
      ...(run === undefined ? {} : { run }),
      at,
    }
    return {
      reply: { agent: name, lastSeenAt: at },
      audit: [],
      events: [outgoing(heartbeatRecorded, heartbeat)],
    }
  })
}

function statusAfter(signal: Run['signal'] | undefined): HeartbeatStatus {
  if (signal === 'start') return 'busy'
  return signal === 'fail' ? 'failing' : 'idle'
}

async function recordRun(
  trx: Knex.Transaction,
  { runId, signal, at, ...key }: AgentKey & Run & { at: Date },
): Promise<void> {
  const startedAfter = new Date(at.getTime() - RUN_MS_MAX)
  if (signal !== 'start') {
    await updateLastRun(trx, { ...key, runId, outcome: signal, endedAt: at, startedAfter })
  } else if (!(await insertRun(trx, { ...key, runId, startedAt: at, startedAfter }))) {
    throw tooManyRuns(key.name)
  }
}
