import { headers, type Msg, type Subscription } from '@nats-io/transport-node'
import { type AppError, isAppError } from '@mumega/errors'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import { CallContext } from '@mumega/contracts/scalars'
import { startSpan } from '@mumega/telemetry'
import type { Call } from './bus.ts'
import { openCall, type OpenCall } from './call.ts'
import { hiddenBug, noResponders, overloaded, timedOut, tooLarge } from './errors.ts'
import { openInFlight } from './in-flight.ts'
import { orClosed, type Link } from './link.ts'
import { checkRequest, invalidRequest, validatorOf } from './validation.ts'
import {
  type Answer,
  decode,
  encode,
  errorBody,
  ERROR_CODE_HEADER,
  ERROR_TEXT_HEADER,
  headersOf,
  headerText,
  isReplySubject,
  type Question,
  RPC_BYTES_MAX,
  TRACE_HEADER,
} from './wire.ts'

export interface Server {
  serve<C extends RequestContract>(
    contract: C,
    handler: (request: RequestOf<C>, call: Call) => Promise<ReplyOf<C>>,
  ): void
  stop(): Promise<void>
}

interface Route {
  readonly contract: RequestContract
  readonly handler: (request: unknown, call: Call) => Promise<unknown>
}

const IN_FLIGHT_MAX = 256
const WAITING_MAX = 1_024
/** Of all questions that run or wait. */
const HELD_BYTES_MAX = 128 * 1_048_576
const DRAIN_MS_MAX = 10_000

/** Answers this service's requests. `bus.ts` documents it. */
export function openServer(link: Link): Server {
  const subscriptions: Subscription[] = []
  const inFlight = openInFlight()
  let heldBytes = 0

  function listen(route: Route): void {
    const { subject } = route.contract
    const waiting: Msg[] = []
    let running = 0

    function take(msg: Msg): void {
      heldBytes += msg.data.length
      if (running < IN_FLIGHT_MAX) start(msg)
      else waiting.push(msg)
    }

    function start(msg: Msg): void {
      running += 1
      inFlight.begin()
      const onDone = (): void => {
        onAnswered(msg.data.length)
      }
      answer(link, { route, msg, onDone })
    }

    function onAnswered(bytes: number): void {
      running -= 1
      heldBytes -= bytes
      inFlight.end()
      const next = waiting.shift()
      if (next !== undefined) start(next)
    }

    const subscription = link.connection.subscribe(subject, {
      queue: link.service,
      callback: (error, msg) => {
        if (error !== null) link.log.error({ error, subject }, 'serve-refused')
        // A caller may name any subject, and it is this service that would publish on it.
        else if (!isReplySubject(msg.reply ?? '', link.service))
          link.log.warn({ subject }, 'request-without-reply')
        else if (waiting.length < WAITING_MAX && heldBytes < HELD_BYTES_MAX) take(msg)
        else respondError(link, msg, { questionId: questionIdOf(msg), error: overloaded(subject) })
      },
    })
    subscriptions.push(subscription)
  }

  return {
    serve(contract, handler) {
      // The request has been checked against the contract before the handler sees it.
      listen({ contract, handler: handler as Route['handler'] })
    },
    async stop() {
      const open = subscriptions.filter((subscription) => !subscription.isClosed())
      // Unsubscribes and waits until what the server had already sent has been handed over.
      await Promise.all(open.map((subscription) => orClosed(link, subscription.drain())))
      const left = await inFlight.settled(DRAIN_MS_MAX)
      if (left > 0) link.log.warn({ requests: left }, 'drain-incomplete')
    },
  }
}

/**
 * Answers one request, whatever happens, and calls `onDone` afterwards. Written without `async`:
 * the promises of four functions in each other would cost as much as the rest of the request.
 */
function answer(link: Link, job: { route: Route; msg: Msg; onDone: () => void }): void {
  const { route, msg, onDone } = job
  const { subject } = route.contract
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  const parent = headersOf(msg)?.get(TRACE_HEADER)
  const span = startSpan(subject, { kind: 'server', attributes, ...(parent && { parent }) })
  let call: OpenCall | undefined
  let questionId: number | undefined

  function onReply(reply: unknown): void {
    try {
      msg.respond(encodeReply(route.contract, { questionId, reply }))
    } catch (error) {
      onFailure(error)
      return
    }
    span.end()
    onEnd()
  }

  function onFailure(error: unknown): void {
    try {
      span.run(() => {
        respondError(link, msg, { questionId, error: shown(link, route.contract, error) })
      })
      span.fail(error)
    } finally {
      onEnd()
    }
  }

  function onEnd(): void {
    call?.close()
    onDone()
  }

  try {
    const question = questionOf(msg)
    questionId = idOf(question)
    const opened = openCall({ context: contextOf(question), deadlineMs: deadlineOf(question) })
    call = opened
    if (!link.isServing()) throw noResponders(subject)
    if (opened.isPast()) throw timedOut(subject)
    const request = checkRequest(route.contract.request, question.request)
    // One promise more, not three.
    void span.run(() => route.handler(request, opened)).then(onReply, onFailure)
  } catch (error) {
    onFailure(error)
  }
}

/** @throws an error that counts as a bug when the reply breaks the contract; bus.too-large */
function encodeReply(contract: RequestContract, answer: Answer): Buffer {
  const { reply } = answer
  const validator = validatorOf(contract.reply)
  if (!validator.check(reply)) {
    const { field, problem } = validator.complaint(reply)
    throw new Error(
      `The handler of ${contract.subject} returned a wrong reply: ${field} ${problem}`,
    )
  }
  const body = encode(answer)
  if (body.length <= RPC_BYTES_MAX) return body
  throw tooLarge(contract.subject, { bytes: body.length, limitBytes: RPC_BYTES_MAX })
}

/**
 * The error as the caller may see it. What no contract names is logged, with its causes, and
 * hidden.
 */
function shown(link: Link, contract: RequestContract, error: unknown): AppError {
  if (isAppError(error) && error.kind !== 'bug' && isDeclared(contract, error.code)) {
    if (error.kind === 'unavailable') link.log.warn({ error, code: error.code }, 'request-failed')
    return error
  }
  link.log.error({ error, subject: contract.subject }, 'request-bug')
  return hiddenBug(error)
}

function isDeclared(contract: RequestContract, code: string): boolean {
  return contract.errors.includes(code) || code.startsWith('bus.') || code.startsWith('db.')
}

function questionOf(msg: Msg): Question {
  let question: unknown
  try {
    question = decode(msg.data)
  } catch {
    throw invalidRequest('', 'must be JSON')
  }
  if (typeof question !== 'object' || question === null) {
    throw invalidRequest('', 'must be an object')
  }
  const { id, context, deadlineMs, request } = question as Question
  return { id, context, deadlineMs, request }
}

function questionIdOf(msg: Msg): number | undefined {
  try {
    return idOf(questionOf(msg))
  } catch {
    // Then the error that it is answered with needs to say only what is wrong first.
    return undefined
  }
}

/** Of anything else nothing is repeated: it may be larger than an answer, and nested too deep. */
function idOf({ id }: Question): number | undefined {
  return typeof id === 'number' ? id : undefined
}

function contextOf({ context }: Question): CallContext {
  const validator = validatorOf(CallContext)
  if (validator.check(context)) return context
  const { field, problem } = validator.complaint(context)
  throw invalidRequest(field === '' ? 'context' : `context/${field}`, problem)
}

function deadlineOf({ deadlineMs }: Question): number {
  if (typeof deadlineMs === 'number' && Number.isSafeInteger(deadlineMs)) return deadlineMs
  throw invalidRequest('deadlineMs', 'must be milliseconds of the epoch')
}

/** Never throws: behind it is nobody who could answer the caller. */
function respondError(
  link: Link,
  msg: Msg,
  { questionId, error }: { questionId: number | undefined; error: AppError },
): void {
  const encoded = (one: AppError): Buffer =>
    encode({ questionId, error: errorBody(one) } satisfies Answer)
  try {
    const hdrs = headers()
    hdrs.set(ERROR_CODE_HEADER, String(error.status))
    hdrs.set(ERROR_TEXT_HEADER, headerText(error.message))
    const body = encoded(error)
    msg.respond(body.length <= RPC_BYTES_MAX ? body : encoded(hiddenBug()), { headers: hdrs })
  } catch (failure) {
    link.log.error({ error: failure, subject: msg.subject }, 'error-not-sent')
  }
}
