import { hash, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from '@mumega/db'
import { logger } from '@mumega/telemetry'
import type { StoredCheckpoint } from '../signing/checkpoint-repository.ts'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { readBounded, reasonOf } from './bounded-body.ts'
import { insertTimestamp, listTimestamps } from './timestamp-repository.ts'
import { formatTimestampRequest, TimestampFault, verifyTimestampReply } from './timestamp-reply.ts'
import type { TimestampSettings } from './timestamp-settings.ts'

/** Has checkpoints time-stamped as the log grows. */
export interface Timestamping {
  figures(): { timestampedSize: number; timestampFailures: number }
  /** Why the last attempt failed; undefined when all is well. */
  trouble(): string | undefined
  /** Gives up what is under way. */
  stop(): Promise<void>
}

export interface TimestampingOptions {
  readonly db: Knex
  readonly checkpointer: Checkpointer
  readonly settings: TimestampSettings
}

const ANSWER_MS_MAX = 10_000
const REPLY_BYTES_MAX = 65_536
const GAP_MS = 1_000
const BACK_OFF_MS_MAX = 600_000
const ANCHOR_EVENTS = 256

/** What was stamped last, and how long ago. */
interface Last {
  readonly size: number
  readonly ageMs: number
}

/** Whether a checkpoint of `size` entries is to be stamped now. */
export function isStampDue(
  size: number,
  last: Last | undefined,
  { anchors, everyMs }: Pick<TimestampSettings, 'anchors' | 'everyMs'>,
): boolean {
  if (last === undefined) return size > 0
  if (size <= last.size) return false
  const anchorsSince = Math.floor(size / ANCHOR_EVENTS) - Math.floor(last.size / ANCHOR_EVENTS)
  return anchorsSince >= anchors || last.ageMs >= everyMs
}

/**
 * Has the newest checkpoint stamped whenever that is due, one request at a time and at most one a
 * second.
 *
 * @throws what the database throws
 */
export async function startTimestamping(options: TimestampingOptions): Promise<Timestamping> {
  const { db, checkpointer, settings } = options
  const log = logger('audit-ledger')
  const stopping = new AbortController()
  const { signal } = stopping
  const [kept] = await listTimestamps(db, { limit: 1 })
  let last = kept && { size: kept.size, atMs: kept.generatedAt.getTime() }
  let [failures, failuresInRow] = [0, 0]
  let trouble: string | undefined

  const rest = (ms: number) => pause(ms, undefined, { signal }).catch(() => undefined)

  async function stamp(checkpoint: StoredCheckpoint): Promise<void> {
    const { size, note } = checkpoint
    const { reply, generatedAt } = await requestTimestamp(settings, note, signal)
    const imprint = hash('sha256', note, 'buffer')
    await insertTimestamp(db, { size, imprint, reply, generatedAt })
    last = { size, atMs: Date.now() }
    failuresInRow = 0
    trouble = undefined
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const checkpoint = checkpointer.current()
      const seen = last && { size: last.size, ageMs: Date.now() - last.atMs }
      if (checkpoint !== undefined && isStampDue(checkpoint.size, seen, settings)) {
        await stamp(checkpoint).catch(onFailure)
        await rest(Math.min(GAP_MS * 2 ** Math.min(failuresInRow, 12), BACK_OFF_MS_MAX))
      } else {
        await rest(GAP_MS)
      }
    }
  }

  function onFailure(error: unknown): void {
    if (signal.aborted) return
    failures += 1
    failuresInRow += 1
    trouble = `the time-stamp authority ${new URL(settings.url).host}: ${textOf(error)}`
    log.warn({ error }, 'checkpoint-not-stamped')
  }

  const running = run()
  return {
    figures: () => ({ timestampedSize: last?.size ?? 0, timestampFailures: failures }),
    trouble: () => trouble,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function textOf(error: unknown): string {
  return error instanceof TimestampFault
    ? error.message
    : 'its stamp could not be kept; see the log of the ledger'
}

/** @throws TimestampFault, whatever goes wrong between here and a verified stamp */
async function requestTimestamp(
  { url, roots }: TimestampSettings,
  note: string,
  signal: AbortSignal,
): Promise<{ reply: Buffer; generatedAt: Date }> {
  const nonce = randomBytes(16).readBigUInt64BE()
  const body = formatTimestampRequest(hash('sha256', note, 'buffer'), nonce)
  const reply = await post(url, body, signal)
  const claim = { reply, note, nonce, roots, nowMs: Date.now() }
  return { reply, generatedAt: await verifyTimestampReply(claim) }
}

async function post(url: string, body: Buffer, signal: AbortSignal): Promise<Buffer> {
  let status: number
  let bytes: Buffer | undefined
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', 'user-agent': 'mumega-ledger' },
      body: Uint8Array.from(body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    })
    status = answer.status
    bytes = await readBounded(answer, REPLY_BYTES_MAX)
  } catch (error) {
    throw new TimestampFault(reasonOf(error, ANSWER_MS_MAX))
  }
  if (status !== 200) throw new TimestampFault(`it answered with status ${status}`)
  if (bytes === undefined)
    throw new TimestampFault(`it answered more than ${REPLY_BYTES_MAX} bytes`)
  return bytes
}
