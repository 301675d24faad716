import { jetstream, type JetStreamClient } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { SealedEntry } from '@mumega/contracts/audit'
import { entriesSealed } from '@mumega/contracts/audit-ledger'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { openBacklog } from './announcement-backlog.ts'
import { readSealed, writeAnnounced } from './announcement-repository.ts'
import type { Sealer } from './sealer.ts'

export interface Announcer {
  /** Entries that are committed and not yet announced. */
  lag(): number
  stop(): Promise<void>
}

export interface AnnouncerOptions {
  readonly connection: Connection
  readonly nats: NatsConnection
  /** Must have loaded. */
  readonly sealer: Sealer
  /** Entries that were announced before, as they are stored. */
  readonly announced: number
}

const EVENT_ENTRIES_MAX = 500
const PUBLISHING_MAX = 4
const CURSOR_MS = 200
const ACK_MS_MAX = 5_000
const RETRY_MS = 500

/**
 * Tells the producers what was sealed, at least once and in order. From memory while it keeps up;
 * what it missed, after a crash for instance, is read from the log from where the stored cursor
 * stands.
 */
export function startAnnouncer(options: AnnouncerOptions): Announcer {
  const { connection, sealer } = options
  const log = logger('audit-ledger')
  const stream = jetstream(options.nats, { timeout: ACK_MS_MAX })
  const cursor = openCursor(connection, options.announced)
  const backlog = openBacklog()
  let size = sealer.committed()?.size ?? cursor.at()
  let isStopping = false
  let wake: () => void = () => undefined

  async function announce(): Promise<void> {
    const entries = backlog.at(cursor.at()) ?? (await readSealed(connection, cursor.at()))
    await publishAll(stream, entries)
    await cursor.advance(entries.length)
  }

  async function run(): Promise<void> {
    // What is committed when it stops is announced still, unless that fails.
    while (!isStopping || cursor.at() < size) {
      try {
        if (cursor.at() < size) await announce()
        else if (cursor.isBehind()) await idle(CURSOR_MS).then(cursor.store)
        else await idle()
      } catch (error) {
        log.warn({ error, announced: cursor.at(), size }, 'announcement-failed')
        if (isStopping) break
        await idle(RETRY_MS)
      }
    }
    await cursor.store().catch((error: unknown) => {
      log.warn({ error }, 'announcement-cursor-not-stored')
    })
  }

  /** Waits for growth or the end, and at most `ms`. */
  async function idle(ms?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
  }

  sealer.onGrowth(({ frontier, sealed }) => {
    size = frontier.size
    if (sealed !== undefined) backlog.keep(sealed)
    wake()
  })
  const running = run()

  return {
    lag: () => size - cursor.at(),
    async stop() {
      isStopping = true
      wake()
      await running
    },
  }
}

/**
 * How far the announcements have come; stored now and then, as repeating some of them does no harm.
 */
function openCursor(connection: Connection, start: number) {
  let at = start
  let stored = start
  let storedAtMs = 0

  async function store(): Promise<void> {
    const reached = at
    if (stored === reached) return
    await writeAnnounced(connection, reached)
    stored = reached
    storedAtMs = performance.now()
  }

  return {
    at: () => at,
    isBehind: () => stored < at,
    store,
    async advance(entries: number): Promise<void> {
      at += entries
      if (performance.now() - storedAtMs > CURSOR_MS) await store()
    },
  }
}

async function publishAll(stream: JetStreamClient, entries: readonly SealedEntry[]): Promise<void> {
  const parts = slices(entries, EVENT_ENTRIES_MAX)
  for (const some of slices(parts, PUBLISHING_MAX)) {
    await Promise.all(some.map((part) => publish(stream, part)))
  }
}

async function publish(stream: JetStreamClient, entries: readonly SealedEntry[]): Promise<void> {
  const first = entries[0]?.index ?? 0
  await stream.publish(entriesSealed.subject, JSON.stringify({ entries }), {
    // Told again after a crash, it is stored once if that happens within the server's window.
    msgID: `sealed-${first}-${entries.length}`,
    timeout: ACK_MS_MAX,
  })
}

function slices<T>(list: readonly T[], lengthMax: number): (readonly T[])[] {
  const parts: (readonly T[])[] = []
  for (let at = 0; at < list.length; at += lengthMax) parts.push(list.slice(at, at + lengthMax))
  return parts
}
