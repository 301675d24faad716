import { listInbox, type InboxMessage } from '@mumega/contracts/bridge'
import { receiveMessages, type ReceivedMessage } from '@mumega/contracts/deliveries'
import type { Gateway } from './app.ts'
import { contextOf, type Session } from './session.ts'

const PAGE = 50
// A slow reader must take a page before its leases end.
const LEASED_PAGE = 10

/** Where a stream of an inbox goes on reading. */
export interface InboxSource {
  /**
   * What comes next: nothing when all has been taken.
   *
   * @throws as `listInbox` and `receiveMessages`
   */
  read(): Promise<Look>
  /** Goes on after this message from now on. */
  take(message: InboxMessage): void
}

export interface Look {
  messages: readonly InboxMessage[]
  /** Whether there is more after them already. */
  isMore: boolean
  /** After how many real milliseconds at most something more comes by itself. */
  comesInMs?: number
}

/** The inbox after a position, which the reader keeps. */
export function sourceAfter(gateway: Gateway, session: Session, position: number): InboxSource {
  let after = position
  return {
    async read() {
      const request = { after, limit: PAGE, unreadOnly: false }
      const context = contextOf(session)
      const { messages, next } = await gateway.bus.request(listInbox, request, { context })
      return { messages, isMore: next !== undefined }
    },
    take(message) {
      after = message.position
    },
  }
}

/** What is to be delivered to a body, whose place the bridge keeps. */
export function sourceOf(gateway: Gateway, session: Session, body: string): InboxSource {
  // Leased already; none of it would come again before its lease ends.
  let given: ReceivedMessage[] = []
  return {
    async read() {
      const now = gateway.clock.now().toISOString()
      // What was not taken in time comes again by itself.
      given = given.filter(({ leaseUntil }) => leaseUntil === undefined || leaseUntil > now)
      if (given.length > 0) return { messages: given, isMore: true }
      const request = { body, limit: LEASED_PAGE }
      const context = contextOf(session)
      const reply = await gateway.bus.request(receiveMessages, request, { context })
      given = reply.messages
      const look = { messages: given, isMore: reply.more }
      if (reply.nextLeaseEndsAt === undefined) return look
      return { ...look, comesInMs: realMsUntil(gateway, reply.nextLeaseEndsAt) }
    },
    take({ messageId }) {
      given = given.filter((message) => message.messageId !== messageId)
    },
  }
}

/** Real milliseconds until a time of the system's; 0 when it is over. */
export function realMsUntil({ clock }: Gateway, timestamp: string): number {
  return Math.max(0, clock.realMs(Date.parse(timestamp) - clock.now().getTime()))
}
