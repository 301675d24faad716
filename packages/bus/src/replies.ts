import { randomBytes } from 'node:crypto'
import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import { findRights } from '@mumega/contracts/topology'
import {
  asBusError,
  busUnavailable,
  noResponders,
  notPermitted,
  overloaded,
  timedOut,
} from './errors.ts'
import type { Link } from './link.ts'
import { calleeOf, headersOf, replyPrefix } from './wire.ts'

export interface Asking {
  readonly subject: string
  readonly body: Buffer
  readonly headers: MsgHdrs | undefined
  readonly timeoutMs: number
}

export interface Replies {
  /** Publishes the question and waits for the first answer. @throws as `Bus.request` does */
  ask(asking: Asking): Promise<Msg>
}

interface Waiting {
  readonly subject: string
  readonly timer: NodeJS.Timeout
  resolve(msg: Msg): void
  reject(error: Error): void
}

/** Where the replies of one service come in. */
interface Inbox {
  readonly prefix: string
  asked: number
}

const WAITING_MAX = 10_000

/**
 * The replies of each service that this one may call come to one subscription, each on a subject of
 * its own. The client's `request` does the same with five promises, and an `Error` with its stack,
 * for every question, which is a third of a request's cost; on Node 20 a promise costs twice as
 * much once a trace follows it.
 */
export function openReplies(link: Link): Replies {
  /** By the subject of its reply, on which only who was asked can publish. */
  const waiting = new Map<string, Waiting>()

  function take(replySubject: string): Waiting | undefined {
    const one = waiting.get(replySubject)
    if (one === undefined) return undefined
    waiting.delete(replySubject)
    clearTimeout(one.timer)
    return one
  }

  function rejectAll(isMeant: (one: Waiting) => boolean, errorFor: (subject: string) => Error) {
    for (const [replySubject, one] of waiting) {
      if (isMeant(one)) take(replySubject)?.reject(errorFor(one.subject))
    }
  }

  function onReply(msg: Msg): void {
    const one = take(msg.subject)
    if (one === undefined) return
    const isUnheard = msg.data.length === 0 && headersOf(msg)?.code === 503
    if (isUnheard) one.reject(noResponders(one.subject))
    else one.resolve(msg)
  }

  const inboxOf = openInboxes(link, onReply)
  link.onRefused((subject) => {
    rejectAll((one) => one.subject === subject, notPermitted)
  })
  void link.connection.closed().then(() => {
    rejectAll(() => true, busUnavailable)
  })

  return {
    ask({ subject, body, headers, timeoutMs }) {
      // Nothing is sent while the connection is down: the client would keep it, and send it too
      // late.
      if (!link.isUp()) return Promise.reject(busUnavailable())
      if (waiting.size >= WAITING_MAX) return Promise.reject(overloaded(subject))
      const inbox = inboxOf(calleeOf(subject))
      const replySubject = nextSubjectOf(inbox)
      return new Promise<Msg>((resolve, reject) => {
        const onTimeout = (): void => {
          take(replySubject)?.reject(timedOut(subject))
        }
        waiting.set(replySubject, {
          ...{ subject, resolve, reject },
          timer: setTimeout(onTimeout, timeoutMs),
        })
        try {
          link.connection.publish(subject, body, {
            reply: replySubject,
            ...(headers !== undefined && { headers }),
          })
        } catch (error) {
          take(replySubject)?.reject(asBusError(error, subject))
        }
      })
    },
  }
}

/** The inbox of each service that is asked; what comes in is given to `onReply`. */
function openInboxes(link: Link, onReply: (msg: Msg) => void): (callee: string) => Inbox {
  const inboxes = new Map<string, Inbox>()

  function open(callee: string): Inbox {
    // Not by the client's `createInbox`: who knows one of its names knows nearly all of them.
    const secret = randomBytes(16).toString('hex')
    const prefix = `${replyPrefix({ caller: link.service, callee })}.${secret}`
    const inbox = { prefix, asked: 0 }
    inboxes.set(callee, inbox)
    link.connection.subscribe(`${prefix}.*`, {
      callback: (error, msg) => {
        if (error === null) onReply(msg)
        else link.log.error({ error, callee }, 'replies-refused')
      },
    })
    return inbox
  }

  // Before the first question: in a cluster it takes a moment until every server knows of them.
  for (const callee of findRights(link.service)?.calls ?? []) open(callee)
  return (callee) => inboxes.get(callee) ?? open(callee)
}

/**
 * Each question has a subject of its own. One that were used again would save the server a third of
 * its work, and let an answer that is given twice pass for the next one's.
 */
function nextSubjectOf(inbox: Inbox): string {
  inbox.asked += 1
  return `${inbox.prefix}.${inbox.asked.toString(36)}`
}
