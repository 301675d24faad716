import type { SealedEntry } from '@mumega/contracts/audit'
import type { append } from '@mumega/contracts/audit-ledger'
import type { RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { findRights } from '@mumega/contracts/topology'
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
 * Seals one intent in the next group commit. Only a service acting as itself may append, and only
 * as itself. The bus proves that one of the services that may call the ledger did; which one, the
 * context says.
 *
 * @throws audit-ledger.source-mismatch, audit-ledger.intent-invalid,
 * audit-ledger.payload-too-large, audit-ledger.id-reused (the conflict is on record),
 * audit-ledger.chain-seq-collision, audit-ledger.not-sealing (whether it was sealed is not known;
 * the same call again is safe)
 */
export async function handleAppend(
  tools: AppendTools,
  request: RequestOf<typeof append>,
  call: Call,
): Promise<SealedEntry> {
  const { source } = request
  if (!isOwn(source, call.context)) throw sourceMismatch(source)
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
      // A caller that asks again must get its first place, and not be told that its own entry moved
      // the head.
      mayBeKnown: true,
      submittedMs,
      deadlineMs: submittedMs + (call.deadline.getTime() - Date.now()),
      settle,
    })
  })
  return entryOf(tools, intent, outcome)
}

/**
 * Whether a service that may call the ledger at all acts for itself, and not for whoever holds a
 * token.
 */
function isOwn(source: string, { actor, tokenId }: CallContext): boolean {
  const mayCall = findRights(source)?.calls.includes('audit-ledger') === true
  const isItself = actor.kind === 'service' && actor.id === `service:${source}`
  return mayCall && isItself && tokenId === undefined
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
