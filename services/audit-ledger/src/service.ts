import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connectBus } from '@mumega/bus'
import { scaledClock, systemClock } from '@mumega/config/clock'
import { openDatabase } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { AnchorPlace } from './anchoring/anchor-place.ts'
import { closePlaces, openPlaces } from './anchoring/open-places.ts'
import { checkpointFileOf, clockOf, type Config } from './config.ts'
import { openConnection } from './connection.ts'
import { checkpointFileUnusable } from './errors.ts'
import { startFollowing } from './leading/following.ts'
import { lead } from './leading/lead.ts'
import { describeInstance, type Instance } from './leading/instance.ts'
import { LeadershipLost } from './leading/leadership-lost.ts'
import { sessionName } from './leading/lease-repository.ts'
import { openCandidate, type Term } from './leading/lease.ts'
import { startPair, type Pair } from './leading/pair.ts'
import { watchReach } from './leading/reach.ts'
import { openFindingRecord } from './scrubbing/finding-record.ts'
import { checkpointCopyAt } from './signing/checkpoint-copy.ts'
import { readLogKey, type LogKey } from './signing/log-key.ts'
import { readVouchers, type Vouchers } from './witnessing/vouchers.ts'

const LOOK_MS = 250
const RETRY_MS = 1_000
const STATEMENT_MS_MIN = 500

/**
 * Stands for leader of the log, leads while it holds the lease, and stands again, until `stop()`
 * resolves. Resolves itself once this ledger leads, or has seen that another does.
 *
 * @throws what kept the first attempt from leading
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  const key = await readLogKey(config.LEDGER_KEY_FILE, config.LEDGER_ORIGIN)
  await checkFolder(config)
  // Here, so that a standby with a wrong policy fails now and not when it is needed.
  const vouchers = await readVouchers(config, key)
  const places = await openPlaces(config, key)
  const instance = describeInstance(config, { key, vouchers })
  const standing = await openStanding(config, instance, key).catch((error: unknown) => {
    closePlaces(places)
    throw error
  })
  const { named, candidate, pair, onCopy } = standing
  const stopping = new AbortController()
  const { signal } = stopping
  const stopped = once(signal, 'abort').then(() => undefined)

  async function step(onReady: () => void): Promise<void> {
    // What is not fit would keep off one that is.
    const found = standing.isFit() ? await candidate.look() : 'unknown'
    if (typeof found === 'object') {
      const options = { config: named, key, pair, vouchers, places, onCopy, stopped, onReady }
      await standing.lead(() => leadFor(found, options))
      return
    }
    if (found === 'held-by-another') onReady()
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }

  async function stand(onReady: () => void): Promise<void> {
    let isReady = false
    while (!signal.aborted) {
      try {
        await step(() => {
          isReady = true
          onReady()
        })
      } catch (error) {
        // Overtaken before it began: it stands again.
        if (error instanceof LeadershipLost) continue
        if (!isReady) throw error
        logger('audit-ledger').error({ error }, 'standing-failed')
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async function end(): Promise<void> {
    await standing.close()
    closePlaces(places)
  }

  let trying = Promise.resolve()
  try {
    await new Promise<void>((onReady, onFailure) => {
      trying = stand(onReady)
      trying.catch(onFailure)
    })
  } catch (error) {
    await end()
    throw error
  }

  return {
    async stop() {
      stopping.abort()
      await trying
      await end()
    },
  }
}

interface TermOptions {
  readonly config: Config
  readonly key: LogKey
  readonly pair: Pair
  readonly vouchers: Vouchers
  readonly places: readonly AnchorPlace[]
  /** Told each time whether the copy of the checkpoint could be kept. */
  readonly onCopy: (isKept: boolean) => void
  /** Resolves when this process is to end. */
  readonly stopped: Promise<undefined>
  readonly onReady: () => void
}

/** Leads until the term ends or the process does; the lease is given back in any case. */
async function leadFor(term: Term, options: TermOptions): Promise<void> {
  const { config, key, pair, vouchers, places, onCopy, stopped, onReady } = options
  const log = logger('audit-ledger')
  const { epoch, isHeld } = term
  const { outmatched, forget } = watchOthers(pair)
  try {
    const leadership = await lead(config, { epoch, isHeld, key, pair, vouchers, places, onCopy })
    log.info({ epoch }, 'leading')
    onReady()
    const overtaken = leadership.overtaken.then(() => 'another ledger leads')
    const reason = await Promise.race([term.lost, overtaken, outmatched, stopped])
    if (reason !== undefined) {
      log.warn({ reason, epoch }, 'leadership-lost')
      leadership.retire()
      // At once: it may take long to end what goes on behind a connection that does not answer.
      await giveBack(term)
    }
    await leadership.stop()
  } finally {
    forget()
    await giveBack(term)
  }
}

async function giveBack({ release, epoch }: Term): Promise<void> {
  await release().catch((error: unknown) => {
    logger('audit-ledger').warn({ error, epoch }, 'lease-not-given-back')
  })
}

/** Resolves with the reason when this ledger is not fit to lead and another one is. */
function watchOthers(pair: Pair): { outmatched: Promise<string>; forget: () => void } {
  let forget = (): void => undefined
  const outmatched = new Promise<string>((resolve) => {
    forget = pair.onBeat(() => {
      if (pair.isOutmatched()) resolve('this ledger is not fit to lead, and another one is')
    })
  })
  return { outmatched, forget }
}

/** With what an instance stands for leader, whether it leads or not. @throws bus.unavailable */
async function openStanding(config: Config, instance: Instance, key: LogKey) {
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: 'audit-ledger',
    clock: systemClock,
  })
  const named = { ...config, DATABASE_URL: namedUrl(config.DATABASE_URL, instance.instanceId) }
  const leaseMs = config.LEDGER_LEASE_MS
  // A renewal that takes longer than the lease is of no use.
  const statementMs = Math.max(STATEMENT_MS_MIN, Math.floor(leaseMs / 2))
  const open = () => openConnection(named.DATABASE_URL, { statementMs })
  // The heartbeat apart from the lease, whose renewal nothing may hold up.
  const [connection, beating, looking] = [open(), open(), open()]
  const reach = watchReach(bus)
  let keepsCopy = true
  const onCopy = (isKept: boolean) => void (keepsCopy = isKept)
  const isFit = () => reach.isReached() && keepsCopy
  const pair = startPair(beating, instance, isFit)
  const db = openDatabase(named.DATABASE_URL, { poolMax: 1 })
  let isLeading = false
  const following = startFollowing({
    connection: looking,
    key,
    copy: checkpointCopyAt(checkpointFileOf(config)),
    record: openFindingRecord(db, scaledClock(clockOf(config))),
    isLeading: () => isLeading,
    onCopy,
  })
  return {
    named,
    candidate: openCandidate({ connection, instance, leaseMs }),
    /** Whether it reaches the bus and can keep its copy of the checkpoint. */
    isFit,
    onCopy,
    pair,
    /** Does not follow meanwhile. */
    async lead(leading: () => Promise<void>): Promise<void> {
      isLeading = true
      await leading().finally(() => (isLeading = false))
    },
    async close() {
      await Promise.all([following.stop(), pair.stop()])
      const connections = [connection, beating, looking].map((each) => each.close())
      await Promise.all([...connections, db.destroy(), reach.stop()])
    },
  }
}

/** The same database, with sessions that the next leader can tell from its own. */
function namedUrl(databaseUrl: string, instanceId: string): string {
  const url = new URL(databaseUrl)
  url.searchParams.set('application_name', sessionName(instanceId))
  return url.href
}

/** What a standby would miss only when it is to lead. */
async function checkFolder(config: Config): Promise<void> {
  const folder = dirname(checkpointFileOf(config))
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw checkpointFileUnusable(cause)
  })
}
