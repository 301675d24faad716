import type { Socket } from 'node:net'
import { Type } from 'typebox'
import type { Gateway } from './app.ts'
import { readLiveToken } from './authentication.ts'
import type { Session } from './session.ts'
import { openWaker } from './waker.ts'
import { watchCaller } from './watch-caller.ts'

/** The longest that a request waits for mail, in real seconds. */
const MAIL_WAIT_SECONDS_MAX = 60
export const WaitSeconds = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: MAIL_WAIT_SECONDS_MAX,
    description:
      'Where there is nothing, wait so many seconds for something. Default 0. It is one of the ' +
      'open streams that a token may have.',
  }),
)
/** The longest that a route may take that waits for mail. */
export const MAIL_HANDLER_MS_MAX = (MAIL_WAIT_SECONDS_MAX + 15) * 1_000

/** What a route that waits for mail may answer with besides. */
export const MAIL_WAIT_PROBLEMS = [
  'gateway.too-many-streams',
  'gateway.streams-full',
  'gateway.stopping',
]

export interface MailLook<Found> {
  found: Found
  isEmpty: boolean
  /** After how many real milliseconds something comes by itself. */
  comesInMs?: number
}

export interface MailWait {
  session: Session
  /** Real milliseconds. */
  waitMs: number
  /** Of the request. */
  socket: Socket
}

/**
 * What `look` finds in the inbox of the session's agent, waiting for something to be there: until
 * the time is over, or the caller has gone, to whom nothing is given. Each look is at a token that
 * holds.
 *
 * @throws gateway.too-many-streams, .streams-full, .stopping, .token-revoked, .token-expired, and
 * as `look` does
 */
export async function waitForMail<Found>(
  gateway: Gateway,
  { session, waitMs, socket }: MailWait,
  look: () => Promise<MailLook<Found>>,
): Promise<Found | undefined> {
  if (waitMs === 0) return (await look()).found
  const { token } = session
  const waker = openWaker()
  const untilMs = performance.now() + waitMs
  const detach = gateway.hub.attach({
    tenantId: token.tenantId,
    agent: token.agent ?? '',
    tokenId: token.tokenId,
    rootTokenId: token.rootTokenId,
    wake: waker.wake,
    doubt: waker.wake,
    end: waker.end,
  })
  gateway.metrics.streamsOpen.inc()
  const unwatch = watchCaller(socket, waker.close)
  try {
    while (!waker.isOver()) {
      const looked = await gateway.looks(async () => {
        await readLiveToken(gateway, session.tokenHash)
        // It may be over by now; a look may lease what it finds.
        return waker.isOver() ? undefined : look()
      })
      if (looked === undefined) break
      const { found, isEmpty, comesInMs = Infinity } = looked
      const leftMs = untilMs - performance.now()
      if (!isEmpty || leftMs <= 0) return found
      // A wake-up may be lost while NATS is away, so it looks by itself too.
      const keepAliveMs = gateway.config.MUMEGA_STREAM_KEEP_ALIVE_MS
      await waker.wait(Math.min(leftMs, comesInMs, keepAliveMs))
    }
    const reason = waker.reason()
    if (reason !== undefined) throw reason
    return undefined
  } finally {
    unwatch()
    gateway.metrics.streamsOpen.dec()
    detach()
  }
}
