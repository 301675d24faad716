import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node'
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
import { calleeOf, replyPrefix } from './wire.ts'

export interface Question {
  readonly subject: string
  readonly body: Buffer
  readonly headers: MsgHdrs
  readonly timeoutMs: number
}

export interface Replies {
  /** Publishes the question and waits for the first answer. @throws as `Bus.request` does */
  ask(question: Question): Promise<Msg>
}

interface Waiting {
  readonly subject: string
  readonly timer: NodeJS.Timeout
  resolve(msg: Msg): void
  reject(error: Error): void
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
  const inboxes = new Map<string, string>()
  let questions = 0

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
    const isUnheard = msg.data.length === 0 && msg.headers?.code === 503
    if (isUnheard) one.reject(noResponders(one.subject))
    else one.resolve(msg)
  }

  function openInbox(callee: string): string {
    const inbox = createInbox(replyPrefix({ caller: link.service, callee }))
    inboxes.set(callee, inbox)
    link.connection.subscribe(`${inbox}.*`, {
      callback: (error, msg) => {
        if (error === null) onReply(msg)
        else link.log.error({ error, callee }, 'replies-refused')
      },
    })
    return inbox
  }

  // Before the first question: in a cluster it takes a moment until every server knows of them.
  for (const callee of findRights(link.service)?.calls ?? []) openInbox(callee)

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
      questions += 1
      const callee = calleeOf(subject)
      const inbox = inboxes.get(callee) ?? openInbox(callee)
      const replySubject = `${inbox}.${questions.toString(36)}`
      return new Promise<Msg>((resolve, reject) => {
        const onTimeout = (): void => {
          take(replySubject)?.reject(timedOut(subject))
        }
        waiting.set(replySubject, {
          ...{ subject, resolve, reject },
          timer: setTimeout(onTimeout, timeoutMs),
        })
        try {
          link.connection.publish(subject, body, { reply: replySubject, headers })
        } catch (error) {
          take(replySubject)?.reject(asBusError(error, subject))
        }
      })
    },
  }
}
