import { AnswerTooLong, readJson } from '@mumega/agent-sdk/read-json'
import { CommandError, EXIT_FAILED } from './command-error.ts'

const TIMEOUT_MS = 5_000

// The drill, a program of its own, says the same of its PostgreSQL.
const REMEDY = 'Check that it runs and can be reached there, then try again.'

/** Bytes of an answer at most: a trace of 2,000 spans has about 2 MB. */
const BODY_BYTES_MAX = 8 * 1_048_576

export interface Answer {
  readonly status: number
  /** Undefined when the body is not JSON. */
  readonly body: unknown
}

/** What is asked of a server, which `name` names to the user. */
export interface Question {
  readonly name: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** GET when absent; POST with a body. */
  readonly method?: 'POST' | 'PUT'
  /** Sent as JSON. */
  readonly body?: object
  /** Bounds of the answer: 5 s and 8 MiB where none is named. */
  readonly timeoutMs?: number
  readonly bytesMax?: number
}

/** Nothing came back of what was sent: it may have been done. */
export class NoAnswer extends CommandError {}

/**
 * Asks a server of the local run, which `name` names to the user.
 *
 * @throws CommandError of exit code 1 when there is no answer in 5 s, or too long a one
 */
export function getJson(url: string, name: string): Promise<Answer> {
  return askJson(url, { name })
}

/** As `getJson`, with a token or a body. A redirect is not followed: it could take the token. */
export async function askJson(
  url: string,
  { name, token, headers, method, body, timeoutMs = TIMEOUT_MS, ...bounds }: Question,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
      headers: {
        ...headers,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return {
      status: response.status,
      body: await readJson(response, bounds.bytesMax ?? BODY_BYTES_MAX),
    }
  } catch (cause) {
    if (cause instanceof AnswerTooLong) throw new CommandError(EXIT_FAILED, cause.message)
    const where = `${name} at ${new URL(url).origin}`
    const told = `${where} does not answer: ${whyOf(cause, timeoutMs)}. ${REMEDY}`
    const Unanswered = isReached(cause) ? NoAnswer : CommandError
    throw new Unanswered(EXIT_FAILED, told, { cause })
  }
}

const UNREACHED: readonly string[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']

function isReached(error: unknown): boolean {
  const root = rootOf(error)
  return !(root instanceof Error && 'code' in root && UNREACHED.includes(String(root.code)))
}

function whyOf(error: unknown, timeoutMs: number): string {
  const root = rootOf(error)
  if (!(root instanceof Error)) return String(root)
  if (root.name === 'TimeoutError') return `nothing within ${timeoutMs / 1_000} s`
  return root.message === '' && 'code' in root ? String(root.code) : root.message
}

/** What fetch throws says only "fetch failed"; the reason is its cause. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error
}
