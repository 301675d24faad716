import { isAppError } from '@mumega/errors'
import type { Bus } from './bus.ts'
import { busUnavailable } from './errors.ts'
import { type Link, linkOf } from './link.ts'
import { packed, type Publication } from './packing.ts'
import { store } from './publishing.ts'
import { openSleeper } from './sleeper.ts'
import { streamOf } from './topology-names.ts'

/** One row of an outbox. */
export interface OutboxMessage {
  readonly position: number
  readonly subject: string
  readonly messageId: string
  readonly payload: unknown
  readonly headers: Record<string, string>
  /** Whether `payload` is an audit intent, to be packed with its neighbours. */
  readonly audit: boolean
}

/** What the relay drains: the outbox of one service. */
export interface OutboxSource {
  /** The oldest rows, sorted by `position`; the same ones again until they are confirmed. */
  claim(limit: number): Promise<OutboxMessage[]>
  confirm(positions: number[]): Promise<void>
  onWritten(listener: () => void): void
  close(): Promise<void>
}

export interface Relay {
  /**
   * Finishes the publication that is under way, and stops. What is left goes out after the next
   * start.
   */
  stop(): Promise<void>
  figures(): RelayFigures
}

export interface RelayFigures {
  /** Rows stored in a stream and confirmed. */
  readonly published: number
  /** Failed attempts since the start. */
  readonly failures: number
  /** The code of the last failure; absent once a later attempt has succeeded. */
  readonly lastError?: string
}

/**
 * Rows that were claimed together: what is still to be stored, by stream, and what is stored but
 * not confirmed.
 */
interface Batch {
  readonly lanes: Publication[][]
  readonly stored: number[]
  readonly claimedAt: number
}

const CLAIM_MAX = 500
const POLL_MS = 500
const BACK_OFF_MS_MIN = 100
const BACK_OFF_MS_MAX = 5_000
const COMPLAINT_MS_MIN = 30_000
// Well within the streams' dedupe window of two minutes: after a pause longer than this (a
// suspended machine) the rows are claimed anew, since another instance may have taken the outbox
// over and published them long ago.
const BATCH_MS_MAX = 60_000

/**
 * Publishes what the outbox holds, each row at least once and in the order of positions within each
 * stream.
 *
 * In each stream one publication is on its way at a time, and the next starts after its
 * acknowledgement. Pipelining would not keep the order: when the connection breaks, or a full or
 * leaderless stream refuses one message and takes the next, the retry of the first lands behind its
 * successor, and `Nats-Msg-Id` drops duplicates but moves nothing. Audit intents make up for it by
 * travelling in packs, and the streams by going forward side by side. A failed publication is
 * retried with the same id and the same bytes, so that a lost acknowledgement does not store it
 * twice.
 */
export function startRelay(bus: Bus, source: OutboxSource): Relay {
  const link = linkOf(bus)
  const sleeper = openSleeper()
  let isStopping = false
  let batch: Batch | undefined
  const tally = openTally(link)

  /** Publishes one batch. Resolves to whether there is probably more. */
  async function step(): Promise<boolean> {
    if (batch !== undefined && performance.now() - batch.claimedAt > BATCH_MS_MAX) {
      batch = { ...batch, lanes: [] }
    }
    batch ??= await claimBatch(source)
    const rows = batch.lanes.flat().length
    const outcomes = await Promise.allSettled(
      batch.lanes.map((lane) =>
        publishLane(link, lane, { onStored, isStopping: () => isStopping }),
      ),
    )
    if (batch.stored.length > 0) await source.confirm(batch.stored)
    tally.onPublished(batch.stored.length)
    batch.stored.length = 0
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    batch = undefined
    return rows > 0
  }

  function onStored(positions: readonly number[]): void {
    batch?.stored.push(...positions)
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      try {
        const hasMore = await step()
        tally.onSuccess()
        if (!hasMore) await sleeper.sleep(POLL_MS, 'until-written')
      } catch (error) {
        await sleeper.sleep(backOffMs(tally.onFailure(error)), 'until-reconnected')
      }
    }
  }

  source.onWritten(() => {
    sleeper.wake('written')
  })
  link.onReconnect(() => {
    sleeper.wake('reconnected')
  })
  const running = run()

  return {
    async stop() {
      isStopping = true
      sleeper.wake('stopped')
      await running
      await source.close()
    },
    figures: () => tally.figures(),
  }
}

/**
 * What the relay counts, and what it says about failures: once in a while, not at every attempt.
 */
function openTally(link: Link) {
  let published = 0
  let failures = 0
  let failuresInRow = 0
  let lastError: string | undefined
  let complainedAt = -COMPLAINT_MS_MIN
  return {
    onPublished(rows: number): void {
      published += rows
    },
    onSuccess(): void {
      failuresInRow = 0
      lastError = undefined
    },
    /** The number of failures in a row, this one included. */
    onFailure(error: unknown): number {
      failures += 1
      failuresInRow += 1
      lastError = isAppError(error) ? error.code : 'bus.bug'
      if (performance.now() - complainedAt >= COMPLAINT_MS_MIN) {
        complainedAt = performance.now()
        link.log.warn({ error, failures }, 'relay-failed')
      }
      return failuresInRow
    },
    figures: (): RelayFigures => ({
      published,
      failures,
      ...(lastError !== undefined && { lastError }),
    }),
  }
}

async function claimBatch(source: OutboxSource): Promise<Batch> {
  const lanes = new Map<string, OutboxMessage[]>()
  for (const row of await source.claim(CLAIM_MAX)) {
    const stream = streamOf(row.subject)
    const lane = lanes.get(stream)
    if (lane === undefined) lanes.set(stream, [row])
    else lane.push(row)
  }
  const publications = [...lanes.values()].map((rows) => packed(rows))
  return { lanes: publications, stored: [], claimedAt: performance.now() }
}

/** Stores the lane's publications one after the other, and takes each off when it is stored. */
async function publishLane(
  link: Link,
  lane: Publication[],
  control: { onStored: (positions: readonly number[]) => void; isStopping: () => boolean },
): Promise<void> {
  for (let next = lane[0]; next !== undefined && !control.isStopping(); next = lane[0]) {
    // Nothing is handed to the client while it is down: it would keep every attempt in memory.
    if (!link.isUp()) throw busUnavailable()
    await store(link.connection, next)
    lane.shift()
    control.onStored(next.positions)
  }
}

function backOffMs(failuresInRow: number): number {
  const spanMs = Math.min(BACK_OFF_MS_MIN * 2 ** Math.min(failuresInRow - 1, 10), BACK_OFF_MS_MAX)
  return spanMs * (0.5 + Math.random() / 2)
}
