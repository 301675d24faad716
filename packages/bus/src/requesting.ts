import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node'
import { AppError } from '@mumega/errors'
import {
  TIMEOUT_MS_MAX,
  type ReplyOf,
  type RequestContract,
  type RequestOf,
} from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { startSpan } from '@mumega/telemetry'
import { tooLarge } from './errors.ts'
import type { Replies } from './replies.ts'
import { validatorOf } from './validation.ts'
import {
  decode,
  decodeError,
  encode,
  ERROR_CODE_HEADER,
  headersOf,
  type Question,
  RPC_BYTES_MAX,
  TRACE_HEADER,
} from './wire.ts'

export interface RequestOptions {
  readonly context: CallContext
  /** Real milliseconds; default the contract's. At most TIMEOUT_MS_MAX. */
  readonly timeoutMs?: number
}

/** Asks the service that serves `contract`. `bus.ts` documents it. */
export async function sendRequest<C extends RequestContract>(
  replies: Replies,
  question: { contract: C; request: RequestOf<C>; options: RequestOptions },
): Promise<ReplyOf<C>> {
  const { contract, options } = question
  const { subject } = contract
  const timeoutMs = Math.min(options.timeoutMs ?? contract.timeoutMs, TIMEOUT_MS_MAX)
  const { request = {} } = question
  const deadlineMs = Date.now() + timeoutMs
  const body = encode({ context: options.context, deadlineMs, request } satisfies Question)
  if (body.length > RPC_BYTES_MAX) {
    throw tooLarge(subject, { bytes: body.length, limitBytes: RPC_BYTES_MAX })
  }
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  // Nothing runs inside of this span, so it needs not be active: the header alone carries it on.
  const span = startSpan(subject, { kind: 'client', attributes })
  try {
    const hdrs = headersWith(span.traceparent)
    const answer = await replies.ask({ subject, body, headers: hdrs, timeoutMs })
    const reply = readReply(contract, answer)
    span.end()
    return reply
  } catch (error) {
    span.fail(error)
    throw error
  }
}

function headersWith(traceparent: string | undefined): MsgHdrs | undefined {
  if (traceparent === undefined) return undefined
  const hdrs = headers()
  hdrs.append(TRACE_HEADER, traceparent)
  return hdrs
}

function readReply<C extends RequestContract>(contract: C, answer: Msg): ReplyOf<C> {
  const answered = headersOf(answer)
  if (answered?.has(ERROR_CODE_HEADER)) throw decodeError(answer.data, answered)
  const validator = validatorOf<C['reply']>(contract.reply)
  let reply: unknown
  try {
    reply = decode(answer.data)
  } catch (error) {
    throw invalidReply(contract, 'is not JSON', error)
  }
  if (validator.check(reply)) return reply
  const { field, problem } = validator.complaint(reply)
  throw invalidReply(contract, `${field} ${problem}`)
}

function invalidReply(contract: RequestContract, problem: string, cause?: unknown): AppError {
  const message = `The reply of ${contract.subject} breaks its contract: ${problem}.`
  return new AppError('bus.invalid-reply', 'bug', message, { cause })
}
