import { setTimeout as pause } from 'node:timers/promises'
import { connectBus, type Bus } from '@mumega/bus'
import { startRelay } from '@mumega/bus/relay'
import { checkTopology } from '@mumega/bus/streams'
import { scaledClock, type Clock } from '@mumega/config/clock'
import { listDrops, listFindings } from '@mumega/contracts/audit-findings'
import * as contracts from '@mumega/contracts/audit-ledger'
import { healthOf } from '@mumega/contracts/health'
import { openDatabase } from '@mumega/db'
import { openOutbox } from '@mumega/db/outbox'
import { logger } from '@mumega/telemetry'
import type { AnchorPlace } from '../anchoring/anchor-place.ts'
import { startAnchoring, type Anchoring } from '../anchoring/anchoring.ts'
import { handleAppend } from '../append.ts'
import { checkpointFileOf, clockOf, type Config } from '../config.ts'
import { openConnection } from '../connection.ts'
import { watchCompleteness } from '../completeness/watching.ts'
import { handleListDrops } from '../drops/list-drops.ts'
import { openMisfits } from '../drops/misfits.ts'
import { startResolving } from '../drops/resolving.ts'
import { readHealth, type Parts } from '../health.ts'
import { startIntake } from '../intake/intake.ts'
import { handleGetChainHead } from '../receipts/get-chain-head.ts'
import { handleGetCheckpoint } from '../receipts/get-checkpoint.ts'
import { handleGetReceipt } from '../receipts/get-receipt.ts'
import { getHashes } from '../receipts/proof-repository.ts'
import { openUpperNodes } from '../receipts/upper-nodes.ts'
import { handleListFindings } from '../scrubbing/list-findings.ts'
import { haltOnFindings, scrubLog } from '../scrubbing/scrub-log.ts'
import { startProjector, type Projector } from '../search/projector.ts'
import { serveSearch } from '../search/serve-search.ts'
import { readAnnounced } from '../sealing/announcement-repository.ts'
import { startAnnouncer } from '../sealing/announcer.ts'
import { traceGrowth } from '../sealing/seal-spans.ts'
import { startSealer } from '../sealing/sealer.ts'
import { watchSilence } from '../sealing/silence.ts'
import { startCheckpointer } from '../signing/checkpointer.ts'
import type { LogKey } from '../signing/log-key.ts'
import { openThreadedSigner, type SignerSettings } from '../signing/threaded-signer.ts'
import { handleRedactPayload } from '../redactions/redact-payload.ts'
import { handleGetTile } from '../tiles/get-tile.ts'
import { openFindingRecord, type FindingRecord } from '../scrubbing/finding-record.ts'
import { recordDrift } from './drift-record.ts'
import { handleGetTimestamp, handleListTimestamps } from '../witnessing/get-timestamp.ts'
import { startVouching, type Vouchers, type Vouching } from '../witnessing/vouchers.ts'
import { LeadershipLost } from './leadership-lost.ts'
import type { Pair } from './pair.ts'

/** Everything that only the leader does, from the stream to the signature. */
export interface Leadership {
  /** Resolves when it was found that another ledger leads. */
  readonly overtaken: Promise<void>
  /** Seals and signs nothing more, whatever is under way: another leads. `stop()` must follow. */
  retire(): void
  /** Seals, announces and signs what it has taken, then ends. */
  stop(): Promise<void>
}

export interface LeadOptions {
  readonly epoch: number
  /** Whether nobody else may lead yet. Beyond that nothing is answered: it may be of yesterday. */
  readonly isHeld: () => boolean
  readonly key: LogKey
  readonly pair: Pair
  /** Who is asked to vouch for the checkpoints: only the leader asks. */
  readonly vouchers: Vouchers
  /** Where anchors are copied to: only the leader copies. */
  readonly places: readonly AnchorPlace[]
  /** Told each time whether the copy of the checkpoint could be kept. */
  readonly onCopy: (isKept: boolean) => void
}

const NAME = 'audit-ledger'
const CLOSE_MS_MAX = 3_000

/**
 * Loads the log's head, verifies what was committed since the last checkpoint, then seals what the
 * stream holds and answers the ledger's subjects. What it opened is closed when it throws.
 *
 * @throws LeadershipLost when the head has another epoch already
 */
export async function lead(
  config: Config,
  { key, pair, vouchers, places, ...own }: LeadOptions,
): Promise<Leadership> {
  const ground = await openGround(config, own)
  const { bus, clock, announcing, db, misfits, relay, sealer, signer } = ground
  let vouching: Vouching | undefined
  let anchoring: Anchoring | undefined
  try {
    await checkTopology(bus.connection, NAME)
    await sealer.load()
    await haltOnFindings(db, sealer)
    anchoring = await startAnchoring(config, { places, sealer, key, clock })
    const announced = await readAnnounced(announcing)
    const checkpointer = await startCheckpointer(sealer, signer)
    vouching = await startVouching(config, { vouchers, checkpointer, clock })
    const besides = stopper(vouching, anchoring)
    const announcer = startAnnouncer({
      connection: announcing,
      nats: bus.connection,
      sealer,
      announced,
    })
    const record = openFindingRecord(ground.dropsDb, clock)
    const projector = startProjector(ground.projecting, sealer, record)
    const resolving = startResolving(misfits)
    sealer.onGrowth(() => {
      resolving.look()
    })
    if (config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined) sealer.onGrowth(traceGrowth)
    const intake = startIntake(bus, { sealer, misfits, leaseMs: config.LEDGER_LEASE_MS })
    const { stop: endWatching, ...watchers } = startWatchers(config, ground, {
      key,
      pair,
      record,
      sizes: projector.sizes,
    })
    const workers = { relay, sealer, checkpointer, announcer, misfits, intake, projector, pair }
    serveAll({ bus, db, ...workers, ...watchers, vouching, anchoring }, { key, clock })
    // Whoever hears that this ledger leads may ask it at once: the server has its subscriptions
    // now, or, where the connection is down, as soon as it is back.
    await bus.connection.flush().catch(() => undefined)
    return {
      overtaken: sealer.overtaken,
      retire() {
        sealer.halt(new LeadershipLost())
        besides.giveUp()
        leaveBus(bus)
      },
      async stop() {
        await besides.stop()
        // From the stream inwards: what is taken is sealed, then announced and signed.
        await intake.stop()
        await endWatching()
        await sealer.stop()
        await announcer.stop()
        await checkpointer.stop()
        await projector.stop()
        await resolving.stop()
        await ground.close()
      },
    }
  } catch (error) {
    await stopper(vouching, anchoring).stop()
    await sealer.stop()
    await ground.close()
    throw error
  }
}

/**
 * What looks after the log: that it is what it was, that nothing is missing, that the pair agrees.
 */
function startWatchers(
  config: Config,
  { dropsDb: db, clock, sealer }: Awaited<ReturnType<typeof openGround>>,
  {
    key,
    pair,
    record,
    sizes,
  }: Pick<LeadOptions, 'key' | 'pair'> & Pick<Projector, 'sizes'> & { record: FindingRecord },
) {
  const settings = signerSettings(config)
  const scrubbing = scrubLog(config, { db, sealer, settings, vkey: key.vkey })
  const watching = watchCompleteness(config, { db, record, clock, sizes })
  const endDrift = recordDrift(pair, record)
  const endFindings = pair.onBeat(() => {
    haltOnFindings(db, sealer).catch((error: unknown) => {
      logger(NAME).warn({ error }, 'findings-not-read')
    })
  })
  return {
    scrubbing,
    watching,
    async stop() {
      await scrubbing.stop()
      await watching.stop()
      endFindings()
      await endDrift()
    },
  }
}

/**
 * Requests go to the new leader at once, though what is under way here may hang; on a connection
 * that is cut in two, for ever.
 */
function leaveBus(bus: Bus): void {
  const tooLate = pause(CLOSE_MS_MAX, undefined, { ref: false })
  const left = Promise.race([bus.drain(), tooLate.then(() => bus.connection.close())])
  left.catch((error: unknown) => {
    logger(NAME).warn({ error }, 'bus-not-drained')
  })
}

/** Ends those that work beside the log, as far as they have begun. */
function stopper(...workers: readonly ({ stop(): Promise<void> } | undefined)[]) {
  async function stop(): Promise<void> {
    await Promise.all(workers.map(async (worker) => worker?.stop()))
  }
  return {
    stop,
    /** Without waiting for it. */
    giveUp(): void {
      stop().catch((error: unknown) => {
        logger(NAME).warn({ error }, 'work-beside-the-log-not-stopped')
      })
    },
  }
}

/** What a leadership stands on; nothing of it fails once it is open. */
async function openGround(
  config: Config,
  { epoch, isHeld: isServing, onCopy }: Pick<LeadOptions, 'epoch' | 'isHeld' | 'onCopy'>,
) {
  const settings = signerSettings(config)
  const clock = scaledClock(settings.clock)
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: NAME,
    clock,
    isServing,
  })
  // Sealing, announcing, signing, scrubbing, drops and readers have connections of their own: none
  // can hold up another.
  const sealing = openConnection(config.DATABASE_URL, { isPipelined: true })
  const announcing = openConnection(config.DATABASE_URL)
  const projecting = openConnection(config.DATABASE_URL)
  const silence = watchSilence(sealing, openConnection(config.DATABASE_URL, { statementMs: 1_000 }))
  const dropsDb = openDatabase(config.DATABASE_URL, { poolMax: 1 })
  const db = openDatabase(config.DATABASE_URL)
  const relay = startRelay(bus, openOutbox(dropsDb, NAME))
  const signer = openThreadedSigner(settings, onCopy)
  return {
    bus,
    clock,
    announcing,
    projecting,
    db,
    dropsDb,
    relay,
    signer,
    misfits: openMisfits(dropsDb, clock),
    sealer: startSealer(sealing, epoch),
    async close() {
      await silence.stop()
      await relay.stop()
      await bus.drain()
      await signer.close()
      const connections = [sealing, announcing, projecting].map((each) => each.close())
      const pools = Promise.all([dropsDb.destroy(), db.destroy()])
      // Of a server that is gone without a word, the pools wait for answers that never come.
      await Promise.race([pools, pause(CLOSE_MS_MAX, undefined, { ref: false })])
      await Promise.all(connections)
    },
  }
}

function signerSettings(config: Config): SignerSettings {
  return {
    databaseUrl: config.DATABASE_URL,
    keyFile: config.LEDGER_KEY_FILE,
    origin: config.LEDGER_ORIGIN,
    checkpointFile: checkpointFileOf(config),
    clock: clockOf(config),
  }
}

function serveAll(parts: Parts, { key, clock }: { key: LogKey; clock: Clock }): void {
  const { bus, db, sealer, checkpointer, misfits } = parts
  const { witnessing } = parts.vouching
  const submit = sealer.submit
  const nodes = openUpperNodes((ranges) => getHashes(db, ranges))
  bus.serve(contracts.append, (request, call) => handleAppend({ submit, misfits }, request, call))
  bus.serve(contracts.getReceipt, (request, { context }) =>
    handleGetReceipt({ db, nodes, checkpointer, witnessing }, request, context),
  )
  bus.serve(contracts.getCheckpoint, () =>
    Promise.resolve(handleGetCheckpoint({ checkpointer, witnessing }, key)),
  )
  bus.serve(contracts.getTile, (request) => handleGetTile({ db, checkpointer }, request))
  bus.serve(contracts.getChainHead, (request, { context }) =>
    handleGetChainHead(db, request, context),
  )
  bus.serve(contracts.redactPayload, (request, { context }) =>
    handleRedactPayload({ db, clock }, request, context),
  )
  bus.serve(listDrops, (request, { context }) => handleListDrops(db, request, context))
  bus.serve(listFindings, (request, { context }) => handleListFindings(db, request, context))
  serveSearch(parts)
  bus.serve(contracts.getTimestamp, (request) => handleGetTimestamp(db, request))
  bus.serve(contracts.listTimestamps, (request) => handleListTimestamps(db, request))
  bus.serve(healthOf(NAME), () => readHealth(parts))
}
