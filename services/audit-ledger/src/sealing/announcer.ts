import { jetstream, type JetStreamClient } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { SealedEntry } from '@mumega/contracts/audit'
import { entriesSealed } from '@mumega/contracts/audit-ledger'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { readAnnounced, readSealed, writeAnnounced } from './announcement-repository.ts'
import type { Growth, Sealer } from './sealer.ts'

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
}

const EVENT_ENTRIES_MAX = 500
const PUBLISHING_MAX = 4
const KEPT_ENTRIES_MAX = 65_536
const CURSOR_MS = 200
const ACK_MS_MAX = 5_000
const RETRY_MS = 500

/**
 * Tells the producers what was sealed, at least once and in order. From memory while it keeps up; what it missed,
 * after a crash for instance, is read from the log from where the stored cursor stands.
 */
export async function startAnnouncer(options: AnnouncerOptions): Promise<Announcer> {
  const { connection } = options
  const log = logger('audit-ledger')
  const stream = jetstream(options.nats, { timeout: ACK_MS_MAX })
  let announced = await readAnnounced(connection)
  let stored = announced
  let storedAtMs = 0
  let size = options.sealer.committed()?.size ?? announced
  let kept: (readonly SealedEntry[])[] = []
  let keptCount = 0
  let isStopping = false
  let wake: () => void = () => undefined

  async function nextEntries(): Promise<readonly SealedEntry[]> {
    while (kept[0] !== undefined && (kept[0].at(-1)?.index ?? 0) < announced) forgetFirst()
    if (kept[0]?.[0]?.index === announced) return kept[0]
    return readSealed(connection, announced)
  }

  function forgetFirst(): void {
    keptCount -= kept.shift()?.length ?? 0
  }

  async function announce(): Promise<void> {
    const entries = await nextEntries()
    const parts = slices(entries, EVENT_ENTRIES_MAX)
    for (const some of slices(parts, PUBLISHING_MAX)) {
      await Promise.all(some.map((part) => publish(stream, part)))
    }
    announced += entries.length
    if (performance.now() - storedAtMs > CURSOR_MS) await store()
  }

  async function store(): Promise<void> {
    if (stored === announced) return
    await writeAnnounced(connection, announced)
    stored = announced
    storedAtMs = performance.now()
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      try {
        if (announced < size) await announce()
        else if (stored < announced) await idle(CURSOR_MS).then(store)
        else await idle()
      } catch (error) {
        log.warn({ error, announced, size }, 'announcement-failed')
        await idle(RETRY_MS)
      }
    }
    await store().catch((error: unknown) => {
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

  function onGrowth(growth: Growth): void {
    size = growth.frontier.size
    if (growth.sealed !== undefined && keptCount < KEPT_ENTRIES_MAX) {
      kept.push(growth.sealed)
      keptCount += growth.sealed.length
    }
    wake()
  }

  options.sealer.onGrowth(onGrowth)
  const running = run()

  return {
    lag: () => size - announced,
    async stop() {
      isStopping = true
      wake()
      await running
    },
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
