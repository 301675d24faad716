import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connectBus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { logger } from '@mumega/telemetry'
import type { AnchorPlace } from './anchoring/anchor-place.ts'
import { closePlaces, openPlaces } from './anchoring/open-places.ts'
import { checkpointFileOf, type Config } from './config.ts'
import { openConnection } from './connection.ts'
import { checkpointFileUnusable } from './errors.ts'
import { lead } from './leading/lead.ts'
import { describeInstance, type Instance } from './leading/instance.ts'
import { LeadershipLost } from './leading/leadership-lost.ts'
import { sessionName } from './leading/lease-repository.ts'
import { openCandidate, type Term } from './leading/lease.ts'
import { startPair, type Pair } from './leading/pair.ts'
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
  await checkSurroundings(config)
  // Here, so that a standby with a wrong policy fails now and not when it is needed.
  const vouchers = await readVouchers(config, key)
  const places = await openPlaces(config, key)
  const log = logger('audit-ledger')
  const instance = describeInstance(config, { key, vouchers })
  const { named, connection, beating } = openOwn(config, instance)
  const candidate = openCandidate({ connection, instance, leaseMs: config.LEDGER_LEASE_MS })
  const pair = startPair(beating, instance)
  const stopping = new AbortController()
  const { signal } = stopping
  const stopped = once(signal, 'abort').then(() => undefined)

  async function step(onReady: () => void): Promise<void> {
    const found = await candidate.look()
    if (typeof found === 'object') {
      await leadFor(found, { config: named, key, pair, vouchers, places, stopped, onReady })
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
        log.error({ error }, 'standing-failed')
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async function end(): Promise<void> {
    await pair.stop()
    await Promise.all([connection.close(), beating.close()])
    closePlaces(places)
  }

  let standing = Promise.resolve()
  try {
    await new Promise<void>((onReady, onFailure) => {
      standing = stand(onReady)
      standing.catch(onFailure)
    })
  } catch (error) {
    await end()
    throw error
  }

  return {
    async stop() {
      stopping.abort()
      await standing
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
  /** Resolves when this process is to end. */
  readonly stopped: Promise<undefined>
  readonly onReady: () => void
}

/** Leads until the term ends or the process does; the lease is given back in any case. */
async function leadFor(term: Term, options: TermOptions): Promise<void> {
  const { config, key, pair, vouchers, places, stopped, onReady } = options
  const log = logger('audit-ledger')
  const { epoch } = term
  try {
    const leadership = await lead(config, { epoch, key, pair, vouchers, places })
    log.info({ epoch }, 'leading')
    onReady()
    const overtaken = leadership.overtaken.then(() => 'another ledger leads')
    const reason = await Promise.race([term.lost, overtaken, stopped])
    if (reason !== undefined) {
      log.warn({ reason, epoch }, 'leadership-lost')
      leadership.retire()
    }
    await leadership.stop()
  } finally {
    await term.release().catch((error: unknown) => {
      log.warn({ error, epoch }, 'lease-not-given-back')
    })
  }
}

function openOwn(config: Config, { instanceId }: Instance) {
  const named = { ...config, DATABASE_URL: namedUrl(config.DATABASE_URL, instanceId) }
  // A renewal that takes longer than the lease is of no use.
  const statementMs = Math.max(STATEMENT_MS_MIN, Math.floor(config.LEDGER_LEASE_MS / 2))
  const open = () => openConnection(named.DATABASE_URL, { statementMs })
  // The heartbeat apart from the lease, whose renewal nothing may hold up.
  return { named, connection: open(), beating: open() }
}

/** The same database, with sessions that the next leader can tell from its own. */
function namedUrl(databaseUrl: string, instanceId: string): string {
  const url = new URL(databaseUrl)
  url.searchParams.set('application_name', sessionName(instanceId))
  return url.href
}

/** What a standby would miss only when it is to lead. */
async function checkSurroundings(config: Config): Promise<void> {
  const folder = dirname(checkpointFileOf(config))
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw checkpointFileUnusable(cause)
  })
  const bus = await connectBus({
    natsUrl: config.NATS_URL,
    nkeySeed: config.NATS_NKEY_SEED,
    service: 'audit-ledger',
    clock: systemClock,
  })
  await bus.drain()
}
