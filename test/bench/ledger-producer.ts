import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { SealedEntry } from '@mumega/contracts/audit'
import { connectAs } from './connect-as.ts'

/** What this process is told, as its one message. */
export interface ProducerOrder {
  readonly natsUrl: string
  readonly bridgeSeed: string
  readonly adminSeed: string
  /** Producers number their intents without a hole. */
  readonly firstNumber: number
  readonly events: number
  /** Intents in one message. */
  readonly packed: number
  /** Messages published and not yet acknowledged by the stream. */
  readonly inFlight: number
  /** Events a second; as fast as possible when absent. */
  readonly rate?: number
  /** Publishes the next message only when the last one was heard sealed. */
  readonly isOneAtATime?: boolean
}

/** What it answers. */
export interface ProducerReport {
  readonly seconds: number
  /**
   * Milliseconds from the publication of each message until the sealing of its last event was
   * heard; empty when published as fast as possible.
   */
  readonly latencies: number[]
}

const CHAINS = 8
const SEAL_MS_MAX = 60_000
const TICK_MS = 1
const KEY = '"index":'
// From one key to the next there are at least the hash and the next id.
const ENTRY_CHARS_MIN = 64 + 36

/**
 * Makes intents whose entries are about 512 bytes, publishes them as the bridge, and hears them
 * sealed.
 */
async function produce(order: ProducerOrder): Promise<ProducerReport> {
  // Before it connects: making many takes longer than the server waits for a sign of life.
  const messages = makeMessages(order)
  const bridge = await connectAs(order.natsUrl, order.bridgeSeed, '_INBOX_bridge')
  const admin = await connectAs(order.natsUrl, order.adminSeed, '_INBOX')
  // Of each message's last intent: noting every single one would make this process the one that is
  // measured.
  const publishedAt = new Map<string, number>()
  const latencies: number[] = []
  let sealed = 0
  let lastMs = 0
  let onHeard: () => void = () => undefined
  const isSealed = new Promise<void>((resolve) => {
    admin.subscribe('live.evt.audit-ledger.v1.entries-sealed', {
      callback(_error, message) {
        lastMs = performance.now()
        const text = message.string()
        sealed += countEntries(text)
        const { entries } = hasLatencies(order)
          ? (JSON.parse(text) as { entries: SealedEntry[] })
          : { entries: [] }
        for (const { id } of entries) {
          const sinceMs = publishedAt.get(id)
          if (sinceMs === undefined) continue
          publishedAt.delete(id)
          latencies.push(lastMs - sinceMs)
        }
        onHeard()
        if (sealed === order.events) resolve()
      },
    })
  })
  await admin.flush()
  const startedMs = performance.now()
  await publishAll(bridge, {
    order,
    messages,
    publishedAt,
    async untilHeard(id) {
      while (publishedAt.has(id)) {
        await new Promise<void>((resolve) => (onHeard = resolve))
      }
    },
  })
  await Promise.race([isSealed, pause(SEAL_MS_MAX, undefined, { ref: false })])
  if (sealed !== order.events) {
    throw new Error(`${order.events - sealed} events were not sealed in time`)
  }
  await Promise.all([bridge.close(), admin.close()])
  return { seconds: (lastMs - startedMs) / 1_000, latencies }
}

/**
 * Entries in the text of an announcement, without taking it apart: nobody else's work is measured.
 */
function countEntries(text: string): number {
  let count = 0
  for (let at = text.indexOf(KEY); at >= 0; at = text.indexOf(KEY, at + ENTRY_CHARS_MIN)) count += 1
  return count
}

/** Only when few are published is there time to look at each. */
function hasLatencies({ rate, isOneAtATime }: ProducerOrder): boolean {
  return rate !== undefined || isOneAtATime === true
}

interface Message {
  readonly lastId: string
  readonly bytes: Buffer
}

interface Publishing {
  readonly order: ProducerOrder
  readonly messages: readonly Message[]
  readonly publishedAt: Map<string, number>
  untilHeard(id: string): Promise<void>
}

async function publishAll(connection: NatsConnection, publishing: Publishing): Promise<void> {
  const { order, messages, publishedAt } = publishing
  const stream = jetstream(connection)
  const pace = order.rate === undefined ? undefined : startPace(order.rate / order.packed)
  let next = 0
  async function lane(): Promise<void> {
    for (;;) {
      await pace?.turn()
      const message = messages[next]
      if (message === undefined) return
      next += 1
      const { lastId, bytes } = message
      publishedAt.set(lastId, performance.now())
      await stream.publish('aud.bridge.v1.append', bytes, { msgID: lastId })
      if (order.isOneAtATime === true) await publishing.untilHeard(lastId)
    }
  }
  await Promise.all(Array.from({ length: order.inFlight }, lane))
  pace?.stop()
}

/**
 * Gives so many turns a second to those who wait for one. One timer for all: with one for each,
 * this process would be the one that is measured.
 */
function startPace(turnsPerS: number): { turn(): Promise<void>; stop(): void } {
  const startedMs = performance.now()
  const waiting: (() => void)[] = []
  let given = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startedMs) / 1_000) * turnsPerS
    while (given < due && waiting.length > 0) {
      given += 1
      waiting.shift()?.()
    }
  }, TICK_MS)
  return {
    turn: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
      }),
    stop() {
      clearInterval(timer)
    },
  }
}

function makeMessages({ events, packed, firstNumber }: ProducerOrder): Message[] {
  const messages: Message[] = []
  for (let first = 0; first < events; first += packed) {
    const intents = Array.from({ length: Math.min(packed, events - first) }, (_, nth) =>
      intentOf(firstNumber + first + nth),
    )
    const bytes = Buffer.from(JSON.stringify({ intents }))
    messages.push({ lastId: intents.at(-1)?.id ?? '', bytes })
  }
  return messages
}

function intentOf(number: number) {
  const id = newId()
  return {
    id,
    number,
    chain: `tenant-${number % CHAINS}`,
    time: '2026-11-21T08:00:00.000Z',
    actor: { id: 'agent:a-writer-of-letters', kind: 'agent' },
    action: 'message.accepted',
    target: `message:${id}`,
    phase: 'fact',
    traceparent: `00-${id.replaceAll('-', '')}-00f067aa0ba902b7-01`,
    payload: { messageId: id, recipient: 'agent:reader', textBytes: 1_234, kind: 'send' },
  }
}

/** A UUIDv7: rising in front, random behind. */
function newId(): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  const hex = bytes.toString('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

process.once('message', (order: ProducerOrder) => {
  void produce(order).then((report) => process.send?.(report, () => process.exit(0)))
})
