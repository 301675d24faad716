import { headers, type Msg, type Subscription } from '@nats-io/transport-node'
import { type AppError, isAppError } from '@mumega/errors'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import { CallContext } from '@mumega/contracts/scalars'
import { recordFailure, withSpan } from '@mumega/telemetry'
import type { Call } from './bus.ts'
import { openCall, type OpenCall } from './call.ts'
import { hiddenBug, overloaded, timedOut, tooLarge } from './errors.ts'
import { openInFlight } from './in-flight.ts'
import type { Link } from './link.ts'
import { checkRequest, invalidRequest, validatorOf } from './validation.ts'
import {
  CONTEXT_HEADER,
  DEADLINE_HEADER,
  decode,
  encode,
  encodeError,
  ERROR_CODE_HEADER,
  ERROR_TEXT_HEADER,
  headerText,
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
const DRAIN_MS_MAX = 10_000

/** Answers this service's requests. `bus.ts` documents it. */
export function openServer(link: Link): Server {
  const subscriptions: Subscription[] = []
  const inFlight = openInFlight()

  function listen(route: Route): void {
    const { subject } = route.contract
    const waiting: Msg[] = []
    let running = 0

    function start(msg: Msg): void {
      running += 1
      inFlight.track(
        answer(link, route, msg).finally(() => {
          running -= 1
          const next = waiting.shift()
          if (next !== undefined) start(next)
        }),
      )
    }

    const subscription = link.connection.subscribe(subject, {
      queue: link.service,
      callback: (error, msg) => {
        if (error !== null) link.log.error({ error, subject }, 'serve-refused')
        else if (!msg.reply) link.log.warn({ subject }, 'request-without-reply')
        else if (running < IN_FLIGHT_MAX) start(msg)
        else if (waiting.length < WAITING_MAX) waiting.push(msg)
        else respondError(msg, overloaded(subject))
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
      await Promise.all(open.map((subscription) => subscription.drain().catch(() => undefined)))
      const left = await inFlight.settled(DRAIN_MS_MAX)
      if (left > 0) link.log.warn({ requests: left }, 'drain-incomplete')
    },
  }
}

async function answer(link: Link, route: Route, msg: Msg): Promise<void> {
  const { subject } = route.contract
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  const parent = msg.headers?.get(TRACE_HEADER)
  const settings = { kind: 'server', attributes, ...(parent && { parent }) } as const
  await withSpan(subject, settings, async (span) => {
    let call: OpenCall | undefined
    try {
      call = openCall({ context: contextOf(msg), deadlineMs: deadlineOf(msg) })
      if (call.isPast()) throw timedOut(subject)
      respond(msg, await run(route, msg, call))
    } catch (error) {
      recordFailure(span, error)
      respondError(msg, shown(link, route.contract, error))
    } finally {
      call?.close()
    }
  })
}

async function run({ contract, handler }: Route, msg: Msg, call: Call): Promise<Buffer> {
  const reply = await handler(checkRequest(contract.request, bodyOf(msg)), call)
  const validator = validatorOf(contract.reply)
  if (!validator.check(reply)) {
    const { field, problem } = validator.complaint(reply)
    throw new Error(
      `The handler of ${contract.subject} returned a wrong reply: ${field} ${problem}`,
    )
  }
  const body = encode(reply)
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

function contextOf(msg: Msg): CallContext {
  const text = msg.headers?.get(CONTEXT_HEADER) ?? ''
  if (text === '') throw invalidRequest(CONTEXT_HEADER, 'must be present')
  let context: unknown
  try {
    context = JSON.parse(text)
  } catch {
    throw invalidRequest(CONTEXT_HEADER, 'must be JSON')
  }
  const validator = validatorOf(CallContext)
  if (validator.check(context)) return context
  const { field, problem } = validator.complaint(context)
  throw invalidRequest(field === '' ? CONTEXT_HEADER : `${CONTEXT_HEADER}/${field}`, problem)
}

function deadlineOf(msg: Msg): number {
  const deadlineMs = Number(msg.headers?.get(DEADLINE_HEADER) || NaN)
  if (Number.isSafeInteger(deadlineMs)) return deadlineMs
  throw invalidRequest(DEADLINE_HEADER, 'must be milliseconds of the epoch')
}

function bodyOf(msg: Msg): unknown {
  try {
    return decode(msg.data)
  } catch {
    throw invalidRequest('', 'must be JSON')
  }
}

function respond(msg: Msg, body: Buffer): void {
  // False when the connection is gone; the caller's own deadline answers it then.
  msg.respond(body)
}

function respondError(msg: Msg, error: AppError): void {
  const hdrs = headers()
  hdrs.set(ERROR_CODE_HEADER, String(error.status))
  hdrs.set(ERROR_TEXT_HEADER, headerText(error.message))
  msg.respond(encodeError(error), { headers: hdrs })
}
