import { fork } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startTestNats, type TestNats } from '@mumega/testkit'
import { NotHere } from '../interop/finding.ts'
import { ROOT } from '../tree.ts'
import { measureDelivery } from './bus-delivery.ts'
import type { Asked, SideOrder } from './bus-side.ts'
import type { Bench, Figure } from './figures.ts'
import { startGround } from './ground.ts'
import { installLocked } from './install-locked.ts'
import { startPlainNats } from './plain-nats.ts'

const CONCURRENCY = 64
const WARM_UP_MS = 3_000
const MS = 8_000
const ROUNDS = 3
const PEERS = ['moleculer', 'nestjs'] as const

interface Way {
  name: string
  /** Of ours: as it runs, or on the peers' open server. */
  variant?: string
  module: string
  server: object
  client: object
}

/**
 * Questions and answers a second between two processes, 64 at a time, of 200 bytes of text, checked
 * by each framework's own validation: ours beside Moleculer and NestJS on one nats-server that is
 * open to everybody, in turns; and `guarded`, as ours runs, with an account for each service. Then
 * durable delivery.
 */
export const bench: Bench = {
  async run(log) {
    const ground = await startGround(log)
    const nats = await startTestNats()
    const plain = await startPlainNats()
    try {
      const ours = [oursOpen(plain.url), oursGuarded(nats)]
      const peers = await peersOn(plain.url)
      const asked = typeof peers === 'string' ? skipped(peers) : await compare(ours, peers, log)
      return [...asked, ...(await measureDelivery(ground.folder, log))]
    } finally {
      await plain.stop()
      await nats.stop()
      await ground.stop()
    }
  },
}

async function compare(
  ours: readonly Way[],
  peers: readonly Way[],
  log: (line: string) => void,
): Promise<Figure[]> {
  const rounds: Record<string, Asked>[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const found: Record<string, Asked> = {}
    // In turns, as the machine's speed changes from minute to minute.
    for (const way of [...ours, ...peers]) found[way.name] = await measure(way)
    log(JSON.stringify(found))
    rounds.push(found)
  }
  const median = (name: string, of: (asked: Asked) => number) =>
    rounds.map((round) => of(round[name] ?? { perSecond: NaN, p99: NaN })).sort((a, b) => a - b)[
      Math.floor(ROUNDS / 2)
    ] ?? NaN
  const rate = ({ perSecond }: Asked) => perSecond
  const p99 = (asked: Asked) => asked.p99
  return ours.flatMap(({ name, variant = '' }) =>
    peers.flatMap((peer): Figure[] => {
      const common = { bench: 'bus', variant, against: peer.name }
      return [
        {
          ...common,
          figure: 'requests_per_s',
          unit: '1/s',
          value: median(name, rate),
          againstValue: median(peer.name, rate),
          ratioMin: 1,
        },
        {
          ...common,
          figure: 'request_p99',
          unit: 'ms',
          value: median(name, p99),
          againstValue: median(peer.name, p99),
        },
      ]
    }),
  )
}

async function measure({ module, server, client }: Way): Promise<Asked> {
  const common = { module, concurrency: CONCURRENCY, warmUpMs: WARM_UP_MS, ms: MS }
  const answering = startSide({ ...common, role: 'server', order: server })
  await answering.told
  const asking = startSide({ ...common, role: 'client', order: client })
  try {
    return (await asking.told) as Asked
  } finally {
    await Promise.all([asking.end(), answering.end()])
  }
}

function startSide(order: SideOrder): { told: Promise<unknown>; end: () => Promise<void> } {
  const child = fork(fileURLToPath(new URL('./bus-side.js', import.meta.url)))
  const ended = once(child, 'exit')
  child.send(order)
  const told = Promise.race([
    once(child, 'message').then(([message]: unknown[]) => message),
    ended.then(([code]) => {
      throw new Error(`a side ended with ${String(code)}, and said nothing`)
    }),
  ])
  return {
    told,
    async end() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

const OURS = new URL('./bus-ours.js', import.meta.url).href

function oursOpen(natsUrl: string): Way {
  const order = { natsUrl }
  return { name: 'ours, open', variant: 'open', module: OURS, server: order, client: order }
}

function oursGuarded(nats: TestNats): Way {
  const order = (service: string) => ({ natsUrl: nats.url, seed: nats.seedOf(service) })
  const [server, client] = [order('bridge'), order('gateway')]
  return { name: 'ours, guarded', variant: 'guarded', module: OURS, server, client }
}

/** The peers, or why they cannot be had here. */
async function peersOn(natsUrl: string): Promise<Way[] | string> {
  const source = join(ROOT, 'test/bench/peers')
  try {
    const folder = await installLocked(source)
    return PEERS.map((name) => {
      // Beside what it imports.
      const file = join(folder, `${name}.mjs`)
      copyFileSync(join(source, `${name}.mjs`), file)
      return { name, module: pathToFileURL(file).href, server: { natsUrl }, client: { natsUrl } }
    })
  } catch (error) {
    if (error instanceof NotHere) return error.message
    throw error
  }
}

function skipped(reason: string): Figure[] {
  return PEERS.map((against) => ({
    bench: 'bus',
    figure: 'requests_per_s',
    unit: '1/s',
    against,
    skipped: reason,
  }))
}
