import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { AppError, type ErrorKind } from '@mumega/errors'
import type { Rate } from './rate.ts'
import { AnswerTooLong, readJson } from './read-json.ts'
import type { Time } from './time.ts'

/** Where the gateway is, and the token that proves who asks. */
export interface Gateway {
  url: string
  token: string
  time: Time
  rate: Rate
  /** Whether a gateway has answered there: what is none’s answer then is a proxy's before it. */
  isKnown: boolean
}

export interface Question<Reply extends TSchema> {
  method?: 'GET' | 'POST' | 'PUT'
  path: string
  body?: object
  /** Makes it safe to ask again when the answer was lost. */
  idempotencyKey?: string
  reply: Reply
  /** Real milliseconds that one answer may take. */
  timeoutMs?: number
  /** How often it is asked before it fails. */
  tries?: number
  /** Whether a message is lost without it, so that others leave it its place. */
  goesFirst?: boolean
  signal?: AbortSignal
}

const TIMEOUT_MS = 30_000
const TRIES = 6
const BACK_OFF_MS = { first: 250, most: 30_000 }
// A page of the inbox has half a mebibyte; the gateway sends nothing that is longer than this.
const ANSWER_BYTES_MAX = 4 * 1_048_576

const Problem = Type.Object({
  code: Type.String(),
  detail: Type.String(),
  /** What of the request is to be mended. */
  field: Type.Optional(Type.String()),
})

const KINDS: Readonly<Record<number, ErrorKind>> = {
  200: 'unprocessable',
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  413: 'too-large',
  422: 'unprocessable',
  429: 'limited',
}

interface Answered {
  failure?: AppError
  /** What the gateway said, to whoever is asked to come again. */
  retryAfterMs?: number
  value?: unknown
}

/**
 * Asks the gateway; again, ever later, while it is away, is busy or has heard too much of this
 * token.
 *
 * @throws the problem's own code; agent-sdk.no-answer, agent-sdk.bad-answer
 */
export async function askGateway<Reply extends TSchema>(
  gateway: Gateway,
  question: Question<Reply>,
): Promise<Static<Reply>> {
  const { reply, signal, tries = TRIES } = question
  for (let made = 1; ; made += 1) {
    await gateway.rate.take(question)
    const { failure, retryAfterMs, value } = await askOnce(gateway, question)
    signal?.throwIfAborted()
    if (failure === undefined) {
      if (Value.Check(reply, value)) return value
      throw badAnswer(question.path)
    }
    const isWorthIt = failure.kind === 'unavailable' || failure.kind === 'limited'
    if (!isWorthIt || made >= tries) throw failure
    await gateway.time.pause(retryAfterMs ?? backOffMs(made), signal)
  }
}

async function askOnce(
  gateway: Gateway,
  { method = 'GET', path, body, idempotencyKey, timeoutMs = TIMEOUT_MS, signal }: Question<TSchema>,
): Promise<Answered> {
  const { url, token, time, rate } = gateway
  const timeout = AbortSignal.timeout(timeoutMs)
  const askedMs = time.nowMs()
  // What cannot be written as JSON is the caller's to mend, and not asked again.
  const text = body === undefined ? undefined : JSON.stringify(body)
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      // A redirect could take the token elsewhere.
      redirect: 'error',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(text === undefined ? {} : { body: text }),
    })
    rate.note(response.headers, askedMs)
    const value = await readJson(response, ANSWER_BYTES_MAX)
    if (response.ok && value !== undefined) return { value }
    return { failure: problemOf(gateway, response.status, value), ...retryAfter(response) }
  } catch (cause) {
    if (signal?.aborted === true) throw cause
    if (cause instanceof AnswerTooLong) {
      return { failure: new AppError('agent-sdk.bad-answer', 'unprocessable', cause.message) }
    }
    return {
      failure: new AppError(
        'agent-sdk.no-answer',
        'unavailable',
        `The gateway at ${url} does not answer ${method} ${path}.`,
        { cause },
      ),
    }
  }
}

function problemOf({ isKnown }: Gateway, status: number, value: unknown): AppError {
  const kind = KINDS[status] ?? 'unavailable'
  if (Value.Check(Problem, value)) {
    const { code, detail, field } = value
    return new AppError(code, kind, detail, field === undefined ? {} : { details: { field } })
  }
  // A proxy's own page, as a rule. Before a gateway it says that it is away; but of a question that
  // is too long it says so each time.
  return new AppError(
    'agent-sdk.bad-answer',
    isKnown && kind !== 'too-large' ? 'unavailable' : kind,
    `The gateway answered ${status}, and no problem.`,
  )
}

/** For an answer of the right status that nothing can be done with. */
export function badAnswer(path: string): AppError {
  return new AppError(
    'agent-sdk.bad-answer',
    'unprocessable',
    `The answer to ${path} is not what this gateway documents. Is the URL a gateway’s?`,
  )
}

function retryAfter({ headers }: Response): { retryAfterMs?: number } {
  const seconds = headers.get('retry-after') ?? ''
  if (!/^[0-9]{1,9}$/.test(seconds)) return {}
  const { first, most } = BACK_OFF_MS
  return { retryAfterMs: Math.min(Math.max(Number(seconds) * 1_000, first), most) }
}

/** Twice as long each time, and never the same for many agents at once. */
export function backOffMs(made: number): number {
  const most = Math.min(BACK_OFF_MS.first * 2 ** (made - 1), BACK_OFF_MS.most)
  return most / 2 + Math.random() * (most / 2)
}
