import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jetstream, type JetStreamClient } from '@nats-io/jetstream'
import { v7 as uuidv7 } from 'uuid'
import type { SealedEntry } from '@mumega/contracts/audit'
import { connectAs } from './connect-as.ts'

// The program that `startShim` of hammer.ts starts: `POST /add`, as Tessera's hammer writes, in
// front of the ledger. It belongs to the harness alone. Each request becomes one intent of a
// service (bridge), published as the relay of a service publishes: what waits is packed, at most 64
// to a message. A request is answered with its index in the log when the ledger has announced the
// entry: it is sealed, durable and in its chain's order then.

/** What this process is told, as its one message. */
export interface ShimOrder {
  readonly natsUrl: string
  readonly bridgeSeed: string
  readonly adminSeed: string
  /** Producers number their intents without a hole. */
  readonly firstNumber: number
}

const PACKED_MAX = 64
// Messages on their way to the stream. A relay has one; with more than two they only become
// smaller.
const PUBLISHING_MAX = 2
// More is pushed back, as Tessera does it (DefaultPushbackMaxOutstanding).
const WAITING_MAX = 4_096
const LEAF_BYTES_MAX = 32_768
const SEAL_MS_MAX = 30_000
const SWEEP_MS = 1_000
const CHAINS = 8

interface Add {
  readonly intent: { readonly id: string }
  readonly response: ServerResponse
  readonly sinceMs: number
}

/** Everybody who waits for an answer: first for a place in a message, then for the announcement. */
function openAdding(stream: JetStreamClient, firstNumber: number) {
  const unpublished: Add[] = []
  const unsealed = new Map<string, Add>()
  let number = firstNumber
  let publishing = 0

  async function publishAll(): Promise<void> {
    publishing += 1
    while (unpublished.length > 0) {
      const adds = unpublished.splice(0, PACKED_MAX)
      for (const add of adds) unsealed.set(add.intent.id, add)
      const body = JSON.stringify({ intents: adds.map(({ intent }) => intent) })
      const msgID = adds.at(-1)?.intent.id ?? ''
      try {
        await stream.publish('aud.bridge.v1.append', body, { msgID })
      } catch (error) {
        // Whether the stream has it is not known. The hammer asks again, as another event.
        for (const { intent } of adds) answer(intent.id, 503, `not published: ${String(error)}`)
      }
    }
    publishing -= 1
  }

  function answer(id: string, status: number, text: string): void {
    const add = unsealed.get(id)
    if (add === undefined) return
    unsealed.delete(id)
    // With its length, as otherwise it goes in chunks: twice the writes.
    add.response.writeHead(status, { 'content-length': text.length }).end(text)
  }

  return {
    add(leaf: string, response: ServerResponse): void {
      if (unpublished.length + unsealed.size >= WAITING_MAX) {
        response.writeHead(503).end('too much is waiting')
        return
      }
      unpublished.push({ intent: intentOf(number, leaf), response, sinceMs: performance.now() })
      number += 1
      // After all requests of this turn of the event loop: what waits is packed.
      if (publishing < PUBLISHING_MAX) setImmediate(() => void publishAll())
    },
    onSealed(entries: readonly SealedEntry[]): void {
      for (const { id, index } of entries) answer(id, 200, String(index))
    },
    sweep(): void {
      const latestMs = performance.now() - SEAL_MS_MAX
      for (const [id, { sinceMs }] of unsealed) {
        if (sinceMs < latestMs) answer(id, 504, 'not sealed in time')
      }
    },
  }
}

/** An event of the producer whose payload is the leaf: its entry has about 500 bytes. */
function intentOf(number: number, leaf: string) {
  const id = uuidv7()
  return {
    id,
    number,
    chain: `tenant-${number % CHAINS}`,
    time: new Date().toISOString(),
    actor: { id: 'agent:a-writer-of-letters', kind: 'agent' },
    action: 'message.accepted',
    target: `message:${id}`,
    phase: 'fact',
    traceparent: `00-${id.replaceAll('-', '')}-00f067aa0ba902b7-01`,
    payload: { leaf },
  }
}

function serve(adding: ReturnType<typeof openAdding>) {
  return createServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST' || request.url !== '/add') {
      response.writeHead(404).end()
      return
    }
    let leaf = ''
    // A hammer's leaves are text; what is not UTF-8 is not passed on in another form.
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      leaf += chunk
      if (leaf.length > LEAF_BYTES_MAX) request.destroy()
    })
    request.once('end', () => {
      if (leaf.includes('\uFFFD')) response.writeHead(400).end('the leaf is not UTF-8')
      else adding.add(leaf, response)
    })
  })
}

async function main(order: ShimOrder): Promise<void> {
  const bridge = await connectAs(order.natsUrl, order.bridgeSeed, '_INBOX_bridge')
  const admin = await connectAs(order.natsUrl, order.adminSeed, '_INBOX')
  const adding = openAdding(jetstream(bridge), order.firstNumber)
  admin.subscribe('live.evt.audit-ledger.v1.entries-sealed', {
    callback(error, message) {
      if (error !== null) throw error
      const { entries } = JSON.parse(message.string()) as { entries: SealedEntry[] }
      adding.onSealed(entries)
    },
  })
  await admin.flush()
  setInterval(adding.sweep, SWEEP_MS)
  const server = serve(adding)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo
  process.send?.(`http://127.0.0.1:${port}/`)
}

process.once('disconnect', () => process.exit(0))
process.once('message', (order: ShimOrder) => {
  void main(order)
})
