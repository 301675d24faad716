import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node'
import {
  asBusError,
  busUnavailable,
  noResponders,
  notPermitted,
  overloaded,
  timedOut,
} from './errors.ts'
import type { Link } from './link.ts'
import { INBOX_PREFIX } from './wire.ts'

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
 * All replies come to one subscription, each under a number of its own. The client's `request` does
 * the same with five promises, and an `Error` with its stack, for every question, which is a third
 * of a request's cost; on Node 20 a promise costs twice as much once a trace follows it.
 */
export function openReplies(link: Link): Replies {
  const inbox = createInbox(`${INBOX_PREFIX}${link.service}`)
  const waiting = new Map<string, Waiting>()
  let questions = 0

  function take(token: string): Waiting | undefined {
    const one = waiting.get(token)
    if (one === undefined) return undefined
    waiting.delete(token)
    clearTimeout(one.timer)
    return one
  }

  function rejectAll(isMeant: (one: Waiting) => boolean, errorFor: (subject: string) => Error) {
    for (const [token, one] of waiting) {
      if (isMeant(one)) take(token)?.reject(errorFor(one.subject))
    }
  }

  link.connection.subscribe(`${inbox}.*`, {
    callback: (error, msg) => {
      if (error !== null) {
        link.log.error({ error }, 'replies-refused')
        return
      }
      const one = take(msg.subject.slice(inbox.length + 1))
      if (one === undefined) return
      const isUnheard = msg.data.length === 0 && msg.headers?.code === 503
      if (isUnheard) one.reject(noResponders(one.subject))
      else one.resolve(msg)
    },
  })
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
      const token = questions.toString(36)
      return new Promise<Msg>((resolve, reject) => {
        const onTimeout = (): void => {
          take(token)?.reject(timedOut(subject))
        }
        waiting.set(token, { subject, resolve, reject, timer: setTimeout(onTimeout, timeoutMs) })
        try {
          link.connection.publish(subject, body, { reply: `${inbox}.${token}`, headers })
        } catch (error) {
          take(token)?.reject(asBusError(error, subject))
        }
      })
    },
  }
}
