import { randomBytes } from 'node:crypto'
import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import { findRights } from '@mumega/contracts/topology'
import type { CallContext } from '@mumega/contracts/scalars'
import {
  asBusError,
  busUnavailable,
  invalidReply,
  noResponders,
  notPermitted,
  overloaded,
  timedOut,
  tooLarge,
} from './errors.ts'
import type { Link } from './link.ts'
import {
  type Answer,
  calleeOf,
  decode,
  encode,
  headersOf,
  type Question,
  replyPrefix,
  RPC_BYTES_MAX,
} from './wire.ts'

export interface Asking {
  readonly subject: string
  readonly context: CallContext
  readonly request: unknown
  readonly headers: MsgHdrs | undefined
  readonly timeoutMs: number
}

export interface Replies {
  /** Publishes the question and waits for the first answer. @throws as `Bus.request` does */
  ask(asking: Asking): Promise<Answer>
}

interface Waiting {
  readonly id: number
  readonly subject: string
  readonly inbox: Inbox
  readonly timer: NodeJS.Timeout
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** Where the replies of one service come in. */
interface Inbox {
  readonly prefix: string
  opened: number
  /**
   * Subjects whose question was answered, to be used again: the server and the client find a
   * subject that they know in half the time. An answer that is given twice names the question
   * before. A subject that was given up is left: that nobody heard its question may yet be said.
   */
  readonly free: string[]
}

const WAITING_MAX = 10_000

/**
 * The replies of each service that this one may call come to one subscription, each question in
 * flight having a subject of its own. The client's `request` does the same with five promises, and
 * an `Error` with its stack, for every question; on Node 20 a promise costs twice as much once a
 * trace follows it.
 */
export function openReplies(link: Link): Replies {
  const waiting = openWaiting()
  let asked = 0

  function onReply(msg: Msg): void {
    const replySubject = msg.subject
    const one = waiting.find(replySubject)
    if (one === undefined) return
    const { subject, inbox } = one
    if (msg.data.length === 0 && headersOf(msg)?.code === 503) {
      waiting.take(replySubject)?.reject(noResponders(subject))
      inbox.free.push(replySubject)
      return
    }
    const answer = answerOf(msg)
    const isItsOwn = answer?.questionId === one.id
    if (isItsOwn) inbox.free.push(replySubject)
    else if (answer?.questionId !== undefined) return
    waiting.take(replySubject)
    if (answer !== undefined && (isItsOwn || answer.error !== undefined)) one.resolve(answer)
    else one.reject(invalidReply(subject, 'it answers no question'))
  }

  const inboxOf = openInboxes(link, onReply)
  link.onRefused((subject) => {
    waiting.rejectAll((one) => one.subject === subject, notPermitted)
  })
  void link.connection.closed().then(() => {
    waiting.rejectAll(() => true, busUnavailable)
  })

  return {
    ask({ subject, context, request, headers, timeoutMs }) {
      return new Promise((resolve, reject) => {
        const id = (asked += 1)
        const deadlineMs = Date.now() + timeoutMs
        const body = encode({ id, context, deadlineMs, request } satisfies Question)
        if (body.length > RPC_BYTES_MAX) {
          throw tooLarge(subject, { bytes: body.length, limitBytes: RPC_BYTES_MAX })
        }
        // Nothing is sent while the connection is down: the client would keep it, and send it too
        // late.
        if (!link.isUp()) throw busUnavailable()
        if (waiting.size() >= WAITING_MAX) throw overloaded(subject)
        const inbox = inboxOf(calleeOf(subject))
        const replySubject = freeSubjectOf(inbox)
        const onTimeout = (): void => {
          waiting.take(replySubject)?.reject(timedOut(subject))
        }
        const timer = setTimeout(onTimeout, timeoutMs)
        waiting.add(replySubject, { id, subject, inbox, timer, resolve, reject })
        const options = { reply: replySubject, ...(headers !== undefined && { headers }) }
        try {
          link.connection.publish(subject, body, options)
        } catch (error) {
          waiting.take(replySubject)?.reject(asBusError(error, subject))
        }
      })
    },
  }
}

/** The questions in flight by the subjects of their replies. */
function openWaiting() {
  const waiting = new Map<string, Waiting>()

  function take(replySubject: string): Waiting | undefined {
    const one = waiting.get(replySubject)
    if (one === undefined) return undefined
    waiting.delete(replySubject)
    clearTimeout(one.timer)
    return one
  }

  return {
    take,
    add: (replySubject: string, one: Waiting) => void waiting.set(replySubject, one),
    find: (replySubject: string) => waiting.get(replySubject),
    size: () => waiting.size,
    rejectAll(isMeant: (one: Waiting) => boolean, errorFor: (subject: string) => Error) {
      for (const [replySubject, one] of waiting) {
        if (isMeant(one)) take(replySubject)?.reject(errorFor(one.subject))
      }
    },
  }
}

/** Undefined where it is none at all. */
function answerOf(msg: Msg): Answer | undefined {
  try {
    const answer = decode(msg.data)
    return typeof answer === 'object' && answer !== null ? answer : undefined
  } catch {
    return undefined
  }
}

/** The inbox of each service that is asked; what comes in is given to `onReply`. */
function openInboxes(link: Link, onReply: (msg: Msg) => void): (callee: string) => Inbox {
  const inboxes = new Map<string, Inbox>()

  function open(callee: string): Inbox {
    // Not by the client's `createInbox`: who knows one of its names knows nearly all of them.
    const secret = randomBytes(16).toString('hex')
    const prefix = `${replyPrefix({ caller: link.service, callee })}.${secret}`
    const inbox = { prefix, opened: 0, free: [] }
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

function freeSubjectOf(inbox: Inbox): string {
  const known = inbox.free.pop()
  if (known !== undefined) return known
  inbox.opened += 1
  return `${inbox.prefix}.${inbox.opened.toString(36)}`
}
