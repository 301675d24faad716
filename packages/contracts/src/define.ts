import type { Static, TObject, TSchema } from 'typebox'

/**
 * One request/reply subject. `timeoutMs` is the caller's deadline in real milliseconds; `errors`
 * lists every `AppError` code the handler may answer with, beside those of the bus itself.
 */
export interface RequestContract<
  Request extends TSchema = TSchema,
  Reply extends TSchema = TSchema,
> {
  readonly subject: string
  readonly request: Request
  readonly reply: Reply
  readonly errors: readonly string[]
  readonly timeoutMs: number
}

/**
 * One committed fact (`evt`), agents' message (`bus`) or wake order (`wake`) on JetStream,
 * delivered at least once.
 */
export interface EventContract<Payload extends TSchema = TSchema> {
  readonly subject: string
  readonly payload: Payload
}

/**
 * The longest deadline of any request: it bounds what a caller, a handler and the server's books
 * wait for.
 */
export const TIMEOUT_MS_MAX = 150_000

// <kind>.<domain>.v<major>.<name>: always four tokens, so that wildcards sit in fixed places.
const SUBJECT = /^(rpc|evt|aud|bus|wake)\.[a-z][a-z0-9-]*\.v[1-9][0-9]*\.[a-z][a-z0-9-]*$/

/** Declares a request. Throws at load time when the subject breaks the grammar of the bus. */
export function defineRequest<Request extends TObject, Reply extends TSchema>(
  contract: RequestContract<Request, Reply>,
): RequestContract<Request, Reply> {
  assertSubject(contract.subject, ['rpc'])
  if (contract.timeoutMs > TIMEOUT_MS_MAX) {
    throw new Error(`${contract.subject} may take ${TIMEOUT_MS_MAX} ms at most`)
  }
  return contract
}

/** Declares an event. Throws at load time when the subject breaks the grammar of the bus. */
export function defineEvent<Payload extends TSchema>(
  contract: EventContract<Payload>,
): EventContract<Payload> {
  assertSubject(contract.subject, ['evt', 'aud', 'bus', 'wake'])
  return contract
}

/** The domain of a subject: `rpc.bridge.v1.send-message` gives `bridge`. */
export function domainOf(subject: string): string {
  const domain = subject.split('.')[1]
  if (domain === undefined) throw new Error(`${subject} has no domain`)
  return domain
}

function assertSubject(subject: string, kinds: readonly string[]): void {
  if (!SUBJECT.test(subject) || !kinds.includes(subject.slice(0, subject.indexOf('.')))) {
    throw new Error(`${subject} is not <${kinds.join('|')}>.<domain>.v<major>.<kebab-name>`)
  }
}

export type RequestOf<C extends RequestContract> = Static<C['request']>
export type ReplyOf<C extends RequestContract> = Static<C['reply']>
export type PayloadOf<C extends EventContract> = Static<C['payload']>
