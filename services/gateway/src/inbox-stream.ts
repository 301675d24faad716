import type { ServerResponse } from 'node:http'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import type { InboxMessage } from '@mumega/contracts/bridge'
import { isAppError } from '@mumega/errors'
import type { Gateway } from './app.ts'
import { readLiveToken } from './authentication.ts'
import { connectionBusy, slowReader } from './errors.ts'
import type { InboxSource, Look } from './inbox-source.ts'
import { failureOf } from './problem.ts'
import type { Session } from './session.ts'
import { openWaker, type Waker } from './waker.ts'
import { watchCaller } from './watch-caller.ts'

const RETRY_MS = 1_000
const GOODBYE_MS = 5_000
const NOTHING: Look = { messages: [], isMore: false }

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
 * Nothing is read or leased before the stream has its place, and nothing more once its reader has
 * gone.
 *
 * @throws gateway.too-many-streams, .stopping, .invalid-request for a connection that is still
 * busy, and what the first read throws; nothing is written then
 */
export async function streamInbox(
  gateway: Gateway,
  out: ServerResponse,
  order: InboxStreamOrder,
): Promise<void> {
  // What is written would wait for the answers before it, for a reader that may never get it.
  if (out.socket === null) throw connectionBusy()
  const waker = openWaker()
  const stream: Stream = { ...order, gateway, out, waker, isDoubtful: false }
  const detach = attach(stream)
  const unwatch = watchCaller(out.req.socket, waker.close)
  try {
    // What would refuse the stream is answered as a problem, before it is one.
    await gateway.looks(() => look(stream))
    if (out.destroyed || out.headersSent) return
    order.open()
    out.once('error', waker.close)
    // The looks at the inbox go on for hours: they belong to no request's trace.
    await context.with(suppressTracing(ROOT_CONTEXT), () => deliver(stream))
  } finally {
    unwatch()
    detach()
  }
}

function attach(stream: Stream): () => void {
  const { gateway, waker, agent, session } = stream
  const { tenantId, tokenId, rootTokenId } = session.token
  const detach = gateway.hub.attach({
    ...{ tenantId, agent, tokenId, rootTokenId },
    wake: waker.wake,
    doubt() {
      stream.isDoubtful = true
      waker.wake()
    },
    end: waker.end,
  })
  gateway.metrics.streamsOpen.inc()
  return () => {
    detach()
    gateway.metrics.streamsOpen.dec()
  }
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
    const { messages, isMore, comesInMs } = await gateway.looks(() => look(stream))
    for (const message of messages) {
      // The next look begins with the token. Without it a slow reader would get the whole page.
      if (isInDoubt(stream)) return 0
      if (!(await write(stream, eventOf(message)))) return 0
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

/** What comes next, for a token that still holds and a reader that is still there. */
async function look(stream: Stream): Promise<Look> {
  const { gateway, session, source, waker } = stream
  stream.isDoubtful = false
  await readLiveToken(gateway, session.tokenHash)
  // What were leased to a reader that has gone would be lost to the others until its lease ends.
  return waker.isOver() ? NOTHING : source.read()
}

// Of its own, because the compiler takes a field that it saw assigned for constant.
function isInDoubt({ isDoubtful }: Stream): boolean {
  return isDoubtful
}

function eventOf(message: InboxMessage): string {
  return `id: ${message.position}\nevent: message\ndata: ${JSON.stringify(message)}\n\n`
}

/**
 * Whether it was written, to a reader that is still there; resolves when the socket has room again.
 *
 * @throws gateway.slow-reader
 */
async function write({ gateway, out, waker }: Stream, text: string): Promise<boolean> {
  if (waker.isOver() || out.destroyed) return false
  if (out.write(text)) return true
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
  return !out.destroyed
}

/** The last event says why. A reader that does not take it either is cut off after a while. */
function sayGoodbye({ out }: Stream, reason: unknown): void {
  if (out.destroyed) return
  const { code, detail } = failureOf(reason)
  out.end(`event: end\ndata: ${JSON.stringify({ code, detail })}\n\n`)
  const timer = setTimeout(() => out.destroy(), GOODBYE_MS)
  out.once('close', () => clearTimeout(timer))
}
