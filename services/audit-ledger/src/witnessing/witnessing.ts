import type { Clock } from '@mumega/config/clock'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import { NoteError } from '@mumega/tlog/note'
import { findCosignature } from '@mumega/tlog/witness'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { AT_HAND_MAX, openCosigned, type Cosigned } from './cosigned.ts'
import {
  findCosignedSize,
  findSigned,
  insertCosignature,
  listCosignatures,
} from './cosignature-repository.ts'
import { openQuorumWatch, type QuorumWatch } from './quorum-watch.ts'
import { recordRefusal } from './refusals.ts'
import { offerCheckpoint, type SubmitOutcome } from './submit.ts'
import { chooseTargets, type Target } from './targets.ts'
import { describeWitnessing, figuresOf, type WitnessingFigures } from './witness-health.ts'
import { runWitnessLoop } from './witness-loop.ts'
import type { Witness, WitnessPolicy } from './witness-policy.ts'

/** Offers the log's checkpoints to witnesses, and knows what they have cosigned. */
export interface Witnessing extends Pick<Cosigned, 'dress' | 'newest'> {
  figures(): WitnessingFigures
  /** What is amiss, with figures; undefined when all is well. */
  trouble(): string | undefined
  /** Gives up what is under way. */
  stop(): Promise<void>
}

export interface WitnessingOptions {
  /** A pool that nothing else uses, so that no witness holds up anybody. */
  readonly db: Knex
  readonly clock: Clock
  readonly checkpointer: Checkpointer
  readonly witnessPolicy: WitnessPolicy
  /** Real milliseconds, as all that has to do with strangers. */
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly overdueMs: number
}

/**
 * Reads what was cosigned before, then offers the newest checkpoint to every witness, a new one at
 * most each `intervalMs`: so all are asked about the same ones, and a quorum can come together.
 *
 * @throws what the database throws
 */
export async function startWitnessing(options: WitnessingOptions): Promise<Witnessing> {
  const { db, checkpointer, intervalMs, witnessPolicy } = options
  const { policy, witnesses } = witnessPolicy
  const cosigned = openCosigned(policy)
  const watch = openQuorumWatch()
  await restore(db, witnesses, cosigned)
  watch.onQuorum(cosigned.newest()?.size ?? 0)
  const sizes = await Promise.all(witnesses.map(({ verifier }) => findCosignedSize(db, verifier)))
  const stopping = new AbortController()
  const { signal } = stopping
  const targets = chooseTargets({ ...options, signal, onTarget: watch.onTarget })
  const loops = witnesses.map((witness, nth) => {
    const offer = openOffers(options, { witness, cosigned, watch, signal })
    const size = sizes[nth] ?? 0
    return { name: witness.name, ...runWitnessLoop({ size, intervalMs, signal, targets, offer }) }
  })
  const seen = () => ({
    policy,
    witnesses: loops.map(({ name, state }) => ({ name, ...state() })),
    newest: cosigned.newest(),
    size: checkpointer.current()?.size ?? 0,
    waitedMs: watch.waitedMs(),
    overdueMs: options.overdueMs,
  })

  return {
    dress: cosigned.dress,
    newest: cosigned.newest,
    figures: () => figuresOf(seen()),
    trouble: () => describeWitnessing(seen()),
    async stop() {
      stopping.abort()
      await Promise.all([targets.ended, ...loops.map(({ ended }) => ended)])
    },
  }
}

interface OfferTools {
  readonly witness: Witness
  readonly cosigned: Cosigned
  readonly watch: QuorumWatch
  readonly signal: AbortSignal
}

/** Offers a target to one witness, and keeps what came of it. The result never throws. */
function openOffers(
  { db, clock, timeoutMs }: WitnessingOptions,
  { witness, cosigned, watch, signal }: OfferTools,
): (target: Target, knownSize: number) => Promise<SubmitOutcome> {
  const log = logger('audit-ledger')
  const { name, verifier } = witness

  async function keep(target: Target, outcome: SubmitOutcome): Promise<void> {
    if (outcome.kind === 'refused') {
      log.error({ witness: name, ...outcome.refusal }, 'witness-refused')
      await recordRefusal({ db, clock }, verifier, outcome.refusal)
    }
    if (outcome.kind !== 'cosigned') return
    const { line, timeSeconds } = outcome.cosignature
    const cosignedAt = new Date(timeSeconds * 1_000)
    await insertCosignature(db, { witness: verifier, size: target.size, line, cosignedAt })
    cosigned.add(target, name, line)
    watch.onQuorum(cosigned.newest()?.size ?? 0)
  }

  return async (target, knownSize) => {
    try {
      const outcome = await offerCheckpoint({ db, witness, target, knownSize, timeoutMs, signal })
      if (!signal.aborted) await keep(target, outcome)
      return outcome
    } catch (error) {
      log.warn({ error, witness: name, size: target.size }, 'witness-not-served')
      const reason =
        'what it is asked or answered cannot be read or kept; see the log of the ledger'
      return { kind: 'failed', reason }
    }
  }
}

/** Brings back to hand what was cosigned before this ledger led. */
async function restore(db: Knex, witnesses: readonly Witness[], cosigned: Cosigned): Promise<void> {
  const kept = await listCosignatures(db, AT_HAND_MAX)
  for (const { witness, size, line } of kept) {
    const known = witnesses.find(
      ({ verifier }) => verifier.name === witness.name && verifier.keyId === witness.keyId,
    )
    if (known === undefined) continue
    const signed = await findSigned(db, size)
    // One bad line would make the whole note unreadable to who knows the witness.
    if (signed === undefined || !isCosignature(signed.note, line, known)) {
      logger('audit-ledger').error({ witness: known.name, size }, 'cosignature-damaged')
      continue
    }
    cosigned.add(signed, known.name, line)
  }
}

function isCosignature(note: string, line: string, { verifier }: Witness): boolean {
  try {
    return findCosignature(note, line, verifier).line === line
  } catch (error) {
    if (error instanceof NoteError) return false
    throw error
  }
}
