import { randomUUID } from 'node:crypto'

// One side of one way to ask and answer, as a process of its own.

/** What this process is told, as its one message. */
export interface SideOrder {
  /** The URL of a module with `serve(order)` and `connect(order)`. */
  readonly module: string
  readonly role: 'server' | 'client'
  readonly order: object
  readonly concurrency: number
  readonly warmUpMs: number
  readonly ms: number
}

/** What a client found. */
export interface Asked {
  readonly perSecond: number
  /** Of real milliseconds, from the question to the answer. */
  readonly p99: number
}

type Ask = (request: { id: string; to: string; text: string }) => Promise<{ id: string }>

interface Side {
  serve(order: object): Promise<void>
  connect(order: object): Promise<Ask>
}

const TEXT = 'x'.repeat(200)

async function load(ask: Ask, { concurrency, warmUpMs, ms }: SideOrder): Promise<Asked> {
  const startMs = performance.now() + warmUpMs
  const endMs = startMs + ms
  const took: number[] = []
  async function askOn(): Promise<void> {
    for (let nowMs = performance.now(); nowMs < endMs;) {
      const id = randomUUID()
      const answer = await ask({ id, to: 'agent-1', text: TEXT })
      if (answer.id !== id) throw new Error('the answer is another question’s')
      const thenMs = performance.now()
      if (nowMs >= startMs && thenMs <= endMs) took.push(thenMs - nowMs)
      nowMs = thenMs
    }
  }
  await Promise.all(Array.from({ length: concurrency }, askOn))
  took.sort((one, other) => one - other)
  const p99 = took[Math.floor(took.length * 0.99)]
  if (p99 === undefined) throw new Error('nothing was answered')
  return { perSecond: (took.length * 1_000) / ms, p99 }
}

process.once('message', (told: SideOrder) => {
  void (async () => {
    // Each module of a side exports these two.
    const side = (await import(told.module)) as Side
    if (told.role === 'server') {
      await side.serve(told.order)
      process.send?.('ready')
    } else {
      process.send?.(await load(await side.connect(told.order), told))
    }
  })()
})
process.once('disconnect', () => process.exit(0))
