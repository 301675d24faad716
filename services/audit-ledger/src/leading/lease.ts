import { setTimeout as pause } from 'node:timers/promises'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { schemaDiffers } from '../errors.ts'
import type { Instance } from './instance.ts'
import {
  endSessionsOf,
  readLease,
  releaseLease,
  renewLease,
  takeLease,
  type LeaseRow,
} from './lease-repository.ts'

export interface LeaseOptions {
  readonly connection: Connection
  readonly instance: Pick<Instance, 'instanceId' | 'schemaVersion'>
  /** A leader that has not renewed for so long may be replaced. */
  readonly leaseMs: number
}

/** The time during which this process leads, all under one epoch. */
export interface Term {
  readonly epoch: number
  /** Whether nobody else may lead yet: until the end of the lease by a clock that nobody sets. */
  isHeld(): boolean
  /** Resolves with the reason once the lease is not held any more. */
  readonly lost: Promise<string>
  /** Gives the lease back; the next leader need not wait for its end. */
  release(): Promise<void>
}

export interface Candidate {
  /**
   * Takes the lease if nobody holds it.
   *
   * @throws audit-ledger.schema-differs when it could be taken, and this program is made for
   * another schema than the database has; and what the database throws
   */
  look(): Promise<Term | 'held-by-another' | 'unknown'>
}

const RENEWALS_PER_LEASE = 4

/**
 * Looks for the lease again and again. It is free when it was given back, when it has expired by
 * the database's clock, or when it has not moved for its whole length by this process's own, so
 * that a clock that was set back holds nobody off. `unknown`: there is a holder, and no sign yet
 * that it lives.
 */
export function openCandidate(options: LeaseOptions): Candidate {
  const { connection, leaseMs } = options
  const { instanceId: leader, schemaVersion } = options.instance
  let seen: { row: LeaseRow; sinceMs: number; isMoving: boolean } | undefined

  function observe(row: LeaseRow): { sinceMs: number; isMoving: boolean } {
    const isSame = seen?.row.epoch === row.epoch && seen.row.renewal === row.renewal
    if (seen === undefined || !isSame) {
      seen = { row, sinceMs: performance.now(), isMoving: seen !== undefined }
    }
    return seen
  }

  return {
    async look() {
      const row = await readLease(connection)
      const { sinceMs, isMoving } = observe(row)
      const isStill = performance.now() - sinceMs > Math.max(leaseMs, row.leaseMs)
      const isFree = row.leader === undefined || row.leader === leader || row.isExpired || isStill
      if (!isFree) {
        return isMoving ? 'held-by-another' : 'unknown'
      }
      if (row.schemaVersion !== schemaVersion) throw schemaDiffers(schemaVersion, row.schemaVersion)
      const sentMs = performance.now()
      if (!(await takeLease(connection, { leader, leaseMs, seen: row }))) return 'unknown'
      if (row.leader !== undefined && row.leader !== leader) {
        await endSessionsOf(connection, row.leader)
      }
      return holdLease(options, { epoch: row.epoch + 1, sentMs })
    },
  }
}

/**
 * Renews the lease until it is released or lost. Its end is counted from before the renewal was
 * sent, on a clock that nobody sets: this process stops leading before another may begin.
 */
function holdLease(
  { connection, instance: { instanceId: leader }, leaseMs }: LeaseOptions,
  { epoch, sentMs }: { epoch: number; sentMs: number },
): Term {
  const log = logger('audit-ledger')
  const renewMs = leaseMs / RENEWALS_PER_LEASE
  const over = new AbortController()
  let lose: (reason: string) => void = () => undefined
  const lost = new Promise<string>((resolve) => (lose = resolve))
  let heldUntilMs = sentMs + leaseMs
  let deadline = expireAt(heldUntilMs)

  function expireAt(atMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      end('the lease could not be renewed in time')
    }, atMs - performance.now())
  }

  function end(reason: string): void {
    clearTimeout(deadline)
    over.abort()
    lose(reason)
  }

  async function renew(): Promise<void> {
    const renewedMs = performance.now()
    const isHeld = await renewLease(connection, { leader, leaseMs, epoch })
    if (over.signal.aborted) return
    if (!isHeld) {
      end('another ledger has taken the lease')
      return
    }
    clearTimeout(deadline)
    heldUntilMs = renewedMs + leaseMs
    deadline = expireAt(heldUntilMs)
  }

  async function keep(): Promise<void> {
    const { signal } = over
    for (;;) {
      await pause(renewMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      // Tried again until the deadline, which ends it.
      await renew().catch((error: unknown) => {
        log.warn({ error, epoch }, 'lease-not-renewed')
      })
    }
  }

  void keep()
  return {
    epoch,
    // A process that stood still reads what came meanwhile before its timers run.
    isHeld: () => !over.signal.aborted && performance.now() < heldUntilMs,
    lost,
    async release() {
      end('the lease was given back')
      // A renewal that is on its way finds no leader of its name any more.
      await releaseLease(connection, { leader, epoch })
    },
  }
}
