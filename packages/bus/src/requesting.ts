import { headers, type MsgHdrs } from '@nats-io/transport-node'
import {
  TIMEOUT_MS_MAX,
  type ReplyOf,
  type RequestContract,
  type RequestOf,
} from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { startSpan } from '@mumega/telemetry'
import { invalidReply } from './errors.ts'
import type { Replies } from './replies.ts'
import { validatorOf } from './validation.ts'
import { type Answer, readError, TRACE_HEADER } from './wire.ts'

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
  const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject }
  // Nothing runs inside of this span, so it needs not be active: the header alone carries it on.
  const span = startSpan(subject, { kind: 'client', attributes })
  try {
    const answer = await replies.ask({
      ...{ subject, context: options.context, request, timeoutMs },
      headers: headersWith(span.traceparent),
    })
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

function readReply<C extends RequestContract>(
  contract: C,
  { reply = {}, error }: Answer,
): ReplyOf<C> {
  if (error !== undefined) throw readError(error)
  const validator = validatorOf<C['reply']>(contract.reply)
  if (validator.check(reply)) return reply
  const { field, problem } = validator.complaint(reply)
  throw invalidReply(contract.subject, `${field} ${problem}`)
}
