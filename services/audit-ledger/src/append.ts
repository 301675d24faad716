import type { SealedEntry } from '@mumega/contracts/audit'
import type { append } from '@mumega/contracts/audit-ledger'
import type { RequestOf } from '@mumega/contracts/define'
import { PAYLOAD_BYTES_MAX } from '@mumega/tlog/entry'
import type { Call } from '@mumega/bus'
import type { Misfits } from './drops/misfits.ts'
import {
  chainSeqCollision,
  idReused,
  intentInvalid,
  notSealing,
  payloadTooLarge,
  sourceMismatch,
} from './errors.ts'
import { isRefusal, prepareIntent, type PreparedIntent } from './sealing/intent.ts'
import type { SealOutcome, SealRequest } from './sealing/seal-request.ts'

export interface AppendTools {
  readonly submit: (request: SealRequest) => void
  readonly misfits: Misfits
}

/**
 * Seals one intent in the next group commit. Only a service acting as itself may append, and only as itself: the
 * bus proves that a service called, the context says which.
 *
 * @throws audit-ledger.source-mismatch, audit-ledger.intent-invalid, audit-ledger.payload-too-large,
 * audit-ledger.id-reused (the conflict is on record), audit-ledger.chain-seq-collision, audit-ledger.not-sealing
 * (whether it was sealed is not known; the same call again is safe)
 */
export async function handleAppend(
  tools: AppendTools,
  request: RequestOf<typeof append>,
  call: Call,
): Promise<SealedEntry> {
  const { source } = request
  const { actor } = call.context
  if (actor.kind !== 'service' || actor.id !== `service:${source}`) throw sourceMismatch(source)
  const intent = prepareIntent(source, request.intent)
  if (isRefusal(intent)) {
    if (intent.kind === 'malformed') throw intentInvalid(intent.reason)
    throw payloadTooLarge(intent.actualBytes, PAYLOAD_BYTES_MAX)
  }
  const submittedMs = performance.now()
  const outcome = await new Promise<SealOutcome>((settle) => {
    tools.submit({
      intent,
      ...(request.expectedHead !== undefined && { expectedHead: request.expectedHead }),
      // A caller that asks again must get its first place, and not be told that its own entry moved the head.
      mayBeKnown: true,
      submittedMs,
      deadlineMs: submittedMs + (call.deadline.getTime() - Date.now()),
      settle,
    })
  })
  return entryOf(tools, intent, outcome)
}

async function entryOf(
  tools: AppendTools,
  intent: PreparedIntent,
  outcome: SealOutcome,
): Promise<SealedEntry> {
  const { source, id } = intent
  switch (outcome.kind) {
    case 'sealed':
      return outcome.entry
    case 'conflict': {
      const sealed = Buffer.from(outcome.sealedHash, 'latin1')
      const refused = Buffer.from(intent.intentHash, 'latin1')
      await tools.misfits.recordConflict({ source, id, sealed, refused })
      throw idReused(source, id)
    }
    case 'stale-head':
    case 'collision':
      throw chainSeqCollision(intent.chain)
    case 'not-sealing':
      throw notSealing(outcome.reason)
  }
}
