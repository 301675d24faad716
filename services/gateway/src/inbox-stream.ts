import type { ServerResponse } from 'node:http'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import type { InboxMessage } from '@mumega/contracts/bridge'
import { isAppError } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { slowReader } from './errors.ts'
import type { InboxSource } from './inbox-source.ts'
import { failureOf } from './problem.ts'
import type { Session } from './session.ts'
import { openWaker, type Waker } from './waker.ts'

const RETRY_MS = 1_000
const GOODBYE_MS = 5_000

export interface InboxStreamOrder {
  session: Session
  /** Of the agent's token. */
  agent: string
  source: InboxSource
  /** Begins the response, once nothing refuses the stream any more. */
  open(): void
}

interface Stream extends InboxStreamOrder {
  gateway: Gateway
  out: ServerResponse
  waker: Waker
  /** Whether the token may have ended since it was last looked up. */
  isDoubtful: boolean
}

/**
 * Writes an inbox as server-sent events (WHATWG HTML §9.2) until the reader goes, the token ends,
 * the reader stalls or the gateway stops. Each event's id is its position, with which a reader
 * resumes. Before every delivery the token is looked up again. While the bridge or the database is
 * away the stream stays open, silent.
 *
 * Nothing is buffered beyond one event: the next one is written when the socket has taken the last.
 *
 * @throws gateway.too-many-streams, before anything is written
 */
export async function streamInbox(
  gateway: Gateway,
  out: ServerResponse,
  order: InboxStreamOrder,
): Promise<void> {
  const waker = openWaker()
  const stream: Stream = { ...order, gateway, out, waker, isDoubtful: false }
  const detach = gateway.hub.attach({
    tenantId: order.session.token.tenantId,
    agent: order.agent,
    tokenId: order.session.token.tokenId,
    rootTokenId: order.session.token.rootTokenId,
    wake: waker.wake,
    doubt() {
      stream.isDoubtful = true
      waker.wake()
    },
    end: waker.end,
  })
  gateway.metrics.streamsOpen.inc()
  order.open()
  out.once('close', waker.close)
  out.once('error', waker.close)
  // The looks at the inbox go on for hours: they belong to no request's trace.
  await context
    .with(suppressTracing(ROOT_CONTEXT), () => deliver(stream))
    .finally(() => {
      detach()
      gateway.metrics.streamsOpen.dec()
    })
}

async function deliver(stream: Stream): Promise<void> {
  const { gateway, waker } = stream
  try {
    await write(stream, `retry: ${RETRY_MS}\n\n`)
    while (!waker.isOver()) {
      const waitMs = await deliverWaiting(stream)
      const cause = waitMs === 0 ? 'woken' : await waker.wait(waitMs)
      if (cause === 'time') await write(stream, ': keep-alive\n\n')
    }
    const reason = waker.reason()
    if (reason !== undefined) sayGoodbye(stream, reason)
  } catch (error) {
    if (!isAppError(error)) gateway.log.error({ error }, 'inbox-stream-failed')
    sayGoodbye(stream, error)
  }
}

/** Delivers one page; for how long to wait before the next look, in real milliseconds. */
async function deliverWaiting(stream: Stream): Promise<number> {
  const { gateway } = stream
  try {
    stream.isDoubtful = false
    const { messages, isMore, comesInMs } = await stream.source.read()
    for (const message of messages) {
      // The next look begins with the token. Without it a slow reader would get the whole page.
      if (isInDoubt(stream)) return 0
      await write(stream, eventOf(message))
      gateway.metrics.streamEvents.inc()
      stream.source.take(message)
    }
    if (isMore) return 0
    return Math.min(comesInMs ?? Infinity, gateway.config.MUMEGA_STREAM_KEEP_ALIVE_MS)
  } catch (error) {
    if (isAppError(error) && error.kind === 'unavailable') return RETRY_MS
    throw error
  }
}

// Of its own, because the compiler takes a field that it saw assigned for constant.
function isInDoubt({ isDoubtful }: Stream): boolean {
  return isDoubtful
}

function eventOf(message: InboxMessage): string {
  return `id: ${message.position}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`
}

/** Resolves when the socket has room again. @throws gateway.slow-reader */
async function write({ gateway, out, waker }: Stream, text: string): Promise<void> {
  if (waker.isOver() || out.destroyed) return
  if (out.write(text)) return
  const stallMs = gateway.config.MUMEGA_STREAM_STALL_MS
  const hasRoom = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => settle(false), stallMs)
    const onRoom = () => settle(true)
    const settle = (room: boolean) => {
      clearTimeout(timer)
      out.off('drain', onRoom)
      out.off('close', onRoom)
      resolve(room)
    }
    out.on('drain', onRoom)
    out.on('close', onRoom)
  })
  if (!hasRoom) throw slowReader(stallMs)
}

/** The last event says why. A reader that does not take it either is cut off after a while. */
function sayGoodbye({ out }: Stream, reason: unknown): void {
  if (out.destroyed) return
  const { code, detail } = failureOf(reason)
  out.end(`event: end\ndata: ${JSON.stringify({ code, detail })}\n\n`)
  const timer = setTimeout(() => out.destroy(), GOODBYE_MS)
  out.once('close', () => clearTimeout(timer))
}
