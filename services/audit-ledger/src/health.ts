import type { Bus } from '@mumega/bus'
import { checkDependency, THIS_PROCESS, withinCheck } from '@mumega/service/health'
import type { Relay } from '@mumega/bus/relay'
import type { DependencyHealth, HealthStatus, ServiceHealth } from '@mumega/contracts/health'
import { checkDatabase, type Knex } from '@mumega/db'
import type { Anchoring } from './anchoring/anchoring.ts'
import { countConflicts, countOpenDrops } from './drops/misfit-repository.ts'
import type { Watching } from './completeness/watching.ts'
import type { Misfits } from './drops/misfits.ts'
import type { Intake } from './intake/on-append.ts'
import { VERSION } from './leading/instance.ts'
import { describeDrift, type Pair } from './leading/pair.ts'
import { INDEX_UNKNOWN, readIndexHealth } from './search/index-health.ts'
import type { Projector } from './search/projector.ts'
import type { Announcer } from './sealing/announcer.ts'
import type { Sealer } from './sealing/sealer.ts'
import { readOpenFindings, type OpenFindings } from './scrubbing/finding-repository.ts'
import type { Scrubbing } from './scrubbing/scrubbing.ts'
import type { Checkpointer } from './signing/checkpointer.ts'
import type { Vouching } from './witnessing/vouchers.ts'

export interface Parts {
  readonly bus: Bus
  readonly db: Knex
  readonly relay: Relay
  readonly sealer: Sealer
  readonly checkpointer: Checkpointer
  readonly announcer: Announcer
  readonly misfits: Misfits
  readonly intake: Intake
  readonly pair: Pair
  readonly projector: Projector
  readonly scrubbing: Scrubbing
  readonly vouching: Vouching
  readonly watching: Watching
  readonly anchoring: Anchoring
}

/** How the ledger is: what it depends on, and whether it seals and signs. */
export async function readHealth(parts: Parts): Promise<ServiceHealth> {
  const { db, bus, sealer, checkpointer, relay, misfits, scrubbing } = parts
  const [database, nats, counted, index, open] = await Promise.all([
    checkDependency('postgres', () => checkDatabase(db)),
    checkDependency('nats', () => bus.roundTripMs()),
    withinCheck(countMisfits(db)).catch(() => ({})),
    withinCheck(readIndexHealth(db, parts.projector)).catch(() => INDEX_UNKNOWN),
    withinCheck(readOpenFindings(db)).catch(() => undefined),
  ])
  const needed = [
    database,
    nats,
    own('sealing', sealer.trouble() && `not-sealing: ${sealer.trouble()}`),
    own('signing', checkpointer.trouble()),
    own('ha-pair', describeDrift(parts.pair.drift())),
    index.dependency,
    own('scrubbing', scrubbing.trouble()),
    own('completeness', parts.watching.trouble()),
    integrityOf(open),
    own('relay', relay.figures().lastError && 'events and audit intents wait in the outbox'),
  ]
  const dependencies = [...needed, ...besides(parts)]
  return {
    service: 'audit-ledger',
    version: VERSION,
    process: THIS_PROCESS,
    status: worst(needed),
    dependencies,
    figures: {
      ...counted,
      ...index.figures,
      ...(open !== undefined && { findings: open.count, findingsHalting: open.halting }),
      ...scrubbing.figures(),
      ...parts.watching.figures(),
      size: sealer.committed()?.size ?? 0,
      epoch: sealer.epoch,
      ...checkpointer.figures(),
      sealingLagMs: sealer.figures().lagMs,
      waiting: sealer.figures().waiting,
      collisions: sealer.figures().collisions,
      intakeIntents: parts.intake.pending().intents,
      intakeFailures: parts.intake.failures(),
      unannounced: parts.announcer.lag(),
      misfitsWaiting: misfits.figures().waiting,
      misfitFailures: misfits.figures().failures,
      ...parts.vouching.witnessing?.figures(),
      ...parts.vouching.timestamping?.figures(),
      ...parts.anchoring.figures(),
      relayPublished: relay.figures().published,
      relayFailures: relay.figures().failures,
    },
  }
}

/**
 * Strangers vouch for the log beside it, and copies of its anchors are kept: their troubles are
 * told here, and do not make the ledger unfit to serve, or any of them could take the whole suite
 * down.
 */
function besides({ vouching, anchoring }: Parts): DependencyHealth[] {
  const { witnessing, timestamping } = vouching
  return [
    ...(witnessing === undefined ? [] : [own('witnesses', witnessing.trouble())]),
    ...(timestamping === undefined ? [] : [own('timestamps', timestamping.trouble())]),
    ...anchoring.troubles().map(({ name, trouble }) => own(name, trouble)),
  ]
}

/** What cannot be counted is left out: a zero would say that nothing was dropped. */
async function countMisfits(db: Knex): Promise<{ drops: number; conflicts: number }> {
  const [drops, conflicts] = await Promise.all([countOpenDrops(db), countConflicts(db)])
  return { drops, conflicts }
}

/**
 * Whether stored values are what they were, and all is there. A finding over which nothing stops is
 * told, and fails nothing; what could not be counted is not known.
 */
function integrityOf(open: OpenFindings | undefined): DependencyHealth {
  const name = 'integrity'
  if (open === undefined) {
    return { name, status: 'unknown', reason: 'the findings could not be counted', latencyMs: 0 }
  }
  if (open.first === undefined) return { name, status: 'ok', latencyMs: 0 }
  const first = `${open.first.kind} at ${open.first.place}`
  const reason = `${open.count} open findings, among them ${first}`.slice(0, 500)
  return { name, status: open.halting > 0 ? 'failing' : 'ok', reason, latencyMs: 0 }
}

function own(name: string, trouble: string | undefined): DependencyHealth {
  if (trouble === undefined) return { name, status: 'ok', latencyMs: 0 }
  return { name, status: 'failing', reason: trouble.slice(0, 500), latencyMs: 0 }
}

function worst(dependencies: readonly DependencyHealth[]): HealthStatus {
  return dependencies.some(({ status }) => status === 'failing') ? 'failing' : 'ok'
}
