import { setTimeout as pause } from 'node:timers/promises'
import { logger } from '@mumega/telemetry'
import type { Config } from './config.ts'
import { openConnection } from './connection.ts'
import { lead } from './leading/lead.ts'
import { describeInstance } from './leading/instance.ts'
import { openCandidate, type Term } from './leading/lease.ts'
import { startPair, type Pair } from './leading/pair.ts'
import { readLogKey, type LogKey } from './signing/log-key.ts'
import { readVouchers, type Vouchers } from './witnessing/vouchers.ts'

const LOOK_MS = 250
const RETRY_MS = 1_000

/**
 * Stands for leader of the log, leads while it holds the lease, and stands again, until `stop()`
 * resolves. Resolves itself once this ledger leads, or has seen that another does.
 *
 * @throws what kept the first attempt from leading
 */
export async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  const key = await readLogKey(config.LEDGER_KEY_FILE, config.LEDGER_ORIGIN)
  // Here, so that a standby with a wrong policy fails now and not when it is needed.
  const vouchers = await readVouchers(config, key)
  const log = logger('audit-ledger')
  const connection = openConnection(config.DATABASE_URL)
  const instance = describeInstance(config, { key, vouchers })
  const candidate = openCandidate({ connection, instance, leaseMs: config.LEDGER_LEASE_MS })
  // Apart from the lease, whose renewal nothing may hold up.
  const beating = openConnection(config.DATABASE_URL)
  const pair = startPair(beating, instance)
  const stopping = new AbortController()
  const { signal } = stopping

  async function step(onReady: () => void): Promise<void> {
    const found = await candidate.look()
    if (typeof found === 'object') {
      await leadFor(found, { config, key, pair, vouchers, signal, onReady })
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
        if (!isReady) throw error
        log.error({ error }, 'standing-failed')
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  async function end(): Promise<void> {
    await pair.stop()
    await Promise.all([connection.close(), beating.close()])
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
  /** Aborts when this process is to end. */
  readonly signal: AbortSignal
  readonly onReady: () => void
}

/** Leads until the term ends or the process does; the lease is given back in any case. */
async function leadFor(term: Term, options: TermOptions): Promise<void> {
  const { config, key, pair, vouchers, signal, onReady } = options
  const log = logger('audit-ledger')
  const { epoch } = term
  try {
    const leadership = await lead(config, { epoch, key, pair, vouchers })
    log.info({ epoch }, 'leading')
    onReady()
    const reason = await Promise.race([term.lost, untilAborted(signal)])
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

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve(undefined)
        },
        { once: true },
      )
  })
}
