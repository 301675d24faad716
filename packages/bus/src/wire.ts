import type { Msg, MsgHdrs } from '@nats-io/transport-node'
import { findRights } from '@mumega/contracts/topology'
import { AppError, isErrorKind } from '@mumega/errors'

// NATS ADR-32, "Error Handling", fixes these two names.
export const ERROR_CODE_HEADER = 'Nats-Service-Error-Code'
export const ERROR_TEXT_HEADER = 'Nats-Service-Error'

export const TRACE_HEADER = 'traceparent'
export const MESSAGE_ID_HEADER = 'Nats-Msg-Id'

/** What is asked, as it travels. Not as headers: the client takes 5 µs to write and read two. */
export interface Question {
  /** The asker's own number for it, which the answer repeats; nothing else is repeated. */
  readonly id: unknown
  /** Of a CallContext. */
  readonly context: unknown
  /**
   * The time, in milliseconds of the epoch, at which the caller stops waiting. Absolute, not a
   * remaining span: a request that waited in a socket or behind a blocked event loop arrives with
   * its age, and is not started for nobody. The price is that the clocks of different machines must
   * agree within much less than a timeout, as NTP keeps them; one that does not makes requests fail
   * loudly as `bus.timeout`, never run twice. Real time, not the scaled clock's.
   */
  readonly deadlineMs: unknown
  readonly request: unknown
}

/** What comes back: a reply, or an error. */
export interface Answer {
  /** Of the question; without it where that could not be read. */
  readonly questionId?: number | undefined
  readonly reply?: unknown
  readonly error?: unknown
}

/**
 * The headers of a message. The client reads them when they are asked for, and throws where they
 * are malformed, as the server does not look: such a message counts as one without, or a stranger's
 * one would end all reading of this connection.
 */
export function headersOf(msg: Msg): MsgHdrs | undefined {
  try {
    return msg.headers
  } catch {
    return undefined
  }
}

/** The service that a request's subject names: `rpc.<service>.…`. */
export function calleeOf(subject: string): string {
  const start = subject.indexOf('.') + 1
  return subject.slice(start, subject.indexOf('.', start))
}

/** What JetStream delivers and answers goes to an inbox under this prefix and the asker's name. */
export const INBOX_PREFIX = '_INBOX_'

/** The name under which the user of the streams' account calls services. */
export const ADMIN = 'admin'

const REPLY_PREFIX = '_REPLY_'

/**
 * Where the replies of `callee` to `caller` go: the server lets nobody else publish there, so that
 * a reply is known to come from who was asked. Names have no dots. What follows it nobody else can
 * guess: a caller who named another's would have the answer to its own question go there.
 */
export function replyPrefix({ caller, callee }: { caller: string; callee: string }): string {
  return `${REPLY_PREFIX}.${caller}.${callee}`
}

/** Whether `callee` may be asked to publish there, by one who may call it. */
export function isReplySubject(subject: string, callee: string): boolean {
  if (!subject.startsWith(`${REPLY_PREFIX}.`)) return false
  const callerEnd = subject.indexOf('.', REPLY_PREFIX.length + 1)
  if (callerEnd === -1 || !subject.startsWith(`${callee}.`, callerEnd + 1)) return false
  const caller = subject.slice(REPLY_PREFIX.length + 1, callerEnd)
  return caller === ADMIN || findRights(caller)?.calls.includes(callee) === true
}

/**
 * The largest body of a request, with its context, or of a reply; the server's own `max_payload`
 * has room for the headers besides.
 */
export const RPC_BYTES_MAX = 1_000_000

/**
 * The largest body of an event. Smaller than a request's, because a dead letter carries the event's
 * bytes as base64 and has to fit into a message itself.
 */
export const EVENT_BYTES_MAX = 700_000

/** The server's bound on a message with its headers. */
export const SERVER_PAYLOAD_BYTES_MAX = 1_048_576

const NOTHING = Buffer.from('{}')

/**
 * JSON as UTF-8. `undefined` is an empty object: NATS drops nothing, but a receiver could not parse
 * it.
 */
export function encode(value: unknown): Buffer {
  return value === undefined ? NOTHING : Buffer.from(JSON.stringify(value))
}

/** @throws SyntaxError when `bytes` are no JSON. */
export function decode(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
}

/** What an error is on the wire. The cause stays behind: it is logged, never sent. */
export function errorBody({ code, kind, message, details }: AppError) {
  return { code, kind, message, details }
}

/** The error that a service sent. One that is none of ours is a bug of the service. */
export function readError(error: unknown): AppError {
  const body = typeof error === 'object' && error !== null ? { ...error } : {}
  const { code, kind, message, details } = body as Record<string, unknown>
  const isKnown = typeof kind === 'string' && isErrorKind(kind)
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new AppError('bus.invalid-reply', 'bug', 'The service sent an error without a code.')
  }
  return new AppError(code, isKnown ? kind : 'bug', message, { details: detailsOf(details) })
}

/** A header's value has no line breaks, whatever the text had. */
export function headerText(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, 500)
}

function detailsOf(value: unknown): Record<string, string | number | boolean> {
  const details: Record<string, string | number | boolean> = {}
  if (typeof value !== 'object' || value === null) return details
  for (const [name, detail] of Object.entries(value)) {
    if (typeof detail === 'string' || typeof detail === 'number' || typeof detail === 'boolean') {
      details[name] = detail
    }
  }
  return details
}

/**
 * The id by which a stream tells duplicates. A stream has one namespace of ids for all who publish
 * into it: without the subject, two services that name a thing alike would drop each other's
 * messages as duplicates. Against one that means to, only ids that nobody can guess help: the
 * server does not tie an id to its publisher, so ids are random or hash what is.
 */
export function storedIdOf(subject: string, messageId: string): string {
  return `${subject}:${messageId}`
}

/** The publisher's own id out of a stored one. */
export function messageIdOf(subject: string, storedId: string): string {
  const prefix = storedIdOf(subject, '')
  return storedId.startsWith(prefix) ? storedId.slice(prefix.length) : storedId
}
