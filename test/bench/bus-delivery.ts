import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import type { Bus } from '@mumega/bus'
import { messageAccepted, registerAgent, sendMessage } from '@mumega/contracts/bridge'
import { acknowledgeMessage, receiveMessages } from '@mumega/contracts/deliveries'
import type { CallContext } from '@mumega/contracts/scalars'
import { startTestSuite } from '@mumega/testkit'
import { percentile, type Figure } from './figures.ts'
import { startPlainNats } from './plain-nats.ts'

const RECEIVERS = 8
const SENDING_AT_ONCE = 64
const WARM_UP_MESSAGES = 1_000
const MESSAGES = 4_000
const ROUNDS = 3
const RECEIVED_AT_ONCE = 100
const TEXT = 'x'.repeat(200)
const ALL_MS_MAX = 180_000

/** Someone who stores messages, hands them over and is told that they were dealt with. */
interface Side {
  /** Resolves when the message is stored. */
  send(receiver: number, text: string): Promise<void>
  /**
   * Begins to take what comes: `onText`, the acknowledgement, and `onSettled` when that is stored.
   */
  receive(receiver: number, on: { onText(text: string): void; onSettled(): void }): Promise<void>
  stop(): Promise<void>
}

interface Delivered {
  /** Messages a second, from the first send until the last acknowledgement is stored. */
  readonly perSecond: number
  /** Of the milliseconds from each send until its receiver has it. */
  readonly p99: number
}

/**
 * Messages that are stored, handed over, acknowledged, and that stored, by eight receivers: ours,
 * with a lease, the sender's view of it and two audit intents for each, beside a bare stream of
 * NATS on file that syncs each message as PostgreSQL does each commit.
 */
export async function measureDelivery(
  folder: string,
  log: (line: string) => void,
): Promise<Figure[]> {
  const ours = await openOurs(log)
  const plain = await openPlain(folder)
  try {
    const rounds: { ours: Delivered; plain: Delivered }[] = []
    await deliver(ours, WARM_UP_MESSAGES)
    await deliver(plain, WARM_UP_MESSAGES)
    for (let round = 0; round < ROUNDS; round += 1) {
      // In turns, as the machine's speed changes from minute to minute.
      rounds.push({ ours: await deliver(ours, MESSAGES), plain: await deliver(plain, MESSAGES) })
      log(JSON.stringify(rounds.at(-1)))
    }
    return figuresOf(rounds)
  } finally {
    await plain.stop()
    await ours.stop()
  }
}

function figuresOf(rounds: readonly { ours: Delivered; plain: Delivered }[]): Figure[] {
  const common = { bench: 'bus', variant: 'durable', against: 'jetstream' }
  const middle = (of: (round: (typeof rounds)[number]) => number) => percentile(rounds.map(of), 0.5)
  return [
    {
      ...common,
      figure: 'deliveries_per_s',
      unit: '1/s',
      value: middle(({ ours }) => ours.perSecond),
      againstValue: middle(({ plain }) => plain.perSecond),
    },
    {
      ...common,
      figure: 'delivery_p99',
      unit: 'ms',
      value: middle(({ ours }) => ours.p99),
      againstValue: middle(({ plain }) => plain.p99),
    },
  ]
}

/** Throws where a message did not come, or came twice. */
async function deliver(side: Side, messages: number): Promise<Delivered> {
  const run = randomUUID()
  const sentAt = new Map<string, number>()
  const latencies: number[] = []
  let settled = 0
  const all = new Promise<void>((resolve, reject) => {
    const onText = (text: string) => {
      const [id = ''] = text.split(' ')
      const sinceMs = sentAt.get(id)
      if (sinceMs === undefined) reject(new Error('a message came twice, or was never sent'))
      else if (sentAt.delete(id)) latencies.push(performance.now() - sinceMs)
    }
    const onSettled = () => {
      settled += 1
      if (settled === messages) resolve()
    }
    for (let nth = 0; nth < RECEIVERS; nth += 1) {
      side.receive(nth, { onText, onSettled }).catch(reject)
    }
    setTimeout(() => {
      reject(new Error(`${messages - settled} of ${messages} messages were not settled in time`))
    }, ALL_MS_MAX).unref()
  })
  const startMs = performance.now()
  let next = 0
  async function sendOn(): Promise<void> {
    for (let nth = next++; nth < messages; nth = next++) {
      const id = `${run}/${nth}`
      sentAt.set(id, performance.now())
      await side.send(nth % RECEIVERS, `${id} ${TEXT}`)
    }
  }
  await Promise.all([all, ...Array.from({ length: SENDING_AT_ONCE }, sendOn)])
  const seconds = (performance.now() - startMs) / 1_000
  return { perSecond: messages / seconds, p99: percentile(latencies, 0.99) }
}

const agentOf = (name: string): CallContext => ({
  tenantId: 'acme',
  actor: { id: `agent:${name}`, kind: 'agent' },
})
const receiverOf = (nth: number) => `receiver-${nth}`

/** The real bridge and its ledger, asked as the gateway asks for agents. */
async function openOurs(log: (line: string) => void): Promise<Side> {
  const suite = await startTestSuite({ services: ['audit-ledger', 'bridge'], onLine: log })
  const bus = await suite.bus('gateway')
  const operator: CallContext = {
    tenantId: 'acme',
    actor: { id: `operator:${randomUUID()}`, kind: 'human' },
  }
  for (const name of [
    'sender',
    ...Array.from({ length: RECEIVERS }, (_, nth) => receiverOf(nth)),
  ]) {
    await bus.request(registerAgent, { requestId: randomUUID(), name }, { context: operator })
  }
  const wakes = new Map<string, () => void>()
  bus.hear(messageAccepted, ({ to }) => {
    for (const name of to) wakes.get(name)?.()
  })
  const stops = new Map<string, () => void>()
  return {
    async send(receiver, text) {
      const message = { requestId: randomUUID(), to: receiverOf(receiver), text }
      await bus.request(sendMessage, message, { context: agentOf('sender') })
    },
    async receive(receiver, on) {
      const name = receiverOf(receiver)
      stops.get(name)?.()
      let isOver = false
      stops.set(name, () => (isOver = true))
      for (;;) {
        let wake: () => void = () => undefined
        const woken = new Promise<void>((resolve) => (wake = resolve))
        wakes.set(name, wake)
        if (isOver) return
        if (!(await takeOnce(bus, name, on))) await woken
      }
    },
    async stop() {
      for (const stop of stops.values()) stop()
      for (const wake of wakes.values()) wake()
      await suite.stop()
    },
  }
}

/** Whether there was something. */
async function takeOnce(
  bus: Bus,
  name: string,
  { onText, onSettled }: Parameters<Side['receive']>[1],
): Promise<boolean> {
  const context = agentOf(name)
  const order = { body: 'bench', limit: RECEIVED_AT_ONCE }
  const { messages } = await bus.request(receiveMessages, order, { context })
  for (const { text } of messages) onText(text)
  await Promise.all(
    messages.map(async ({ messageId }) => {
      await bus.request(acknowledgeMessage, { requestId: randomUUID(), messageId }, { context })
      onSettled()
    }),
  )
  return messages.length > 0
}

async function openPlain(folder: string): Promise<Side> {
  const nats = await startPlainNats({ storeFolder: mkdtempSync(join(folder, 'jetstream-')) })
  const connection = await connect({ servers: nats.url })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: 'bench', subjects: ['bench.>'] })
  const stream = jetstream(connection)
  const taking = new Map<number, { stop(): void }>()
  return {
    async send(receiver, text) {
      await stream.publish(`bench.${receiverOf(receiver)}`, text, { msgID: randomUUID() })
    },
    async receive(receiver, { onText, onSettled }) {
      taking.get(receiver)?.stop()
      const name = receiverOf(receiver)
      await manager.consumers.add('bench', {
        durable_name: name,
        filter_subject: `bench.${name}`,
        ack_policy: AckPolicy.Explicit,
      })
      const consumer = await stream.consumers.get('bench', name)
      const messages = await consumer.consume({ max_messages: RECEIVED_AT_ONCE })
      taking.set(receiver, messages)
      for await (const message of messages) {
        onText(message.string())
        void message.ackAck().then(onSettled)
      }
    },
    async stop() {
      for (const messages of taking.values()) messages.stop()
      await connection.close()
      await nats.stop()
    },
  }
}
