import { SIZE_MEDIA_TYPE } from '@mumega/tlog/witness'
import { readBounded, reasonOf } from './bounded-body.ts'

/** What a witness answered, as far as it can be told without knowing its key. */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly lines: string }
  /** It has cosigned another size than we thought. */
  | { readonly kind: 'stale'; readonly size: number }
  | {
      readonly kind: 'refused'
      readonly fault: 'conflict' | 'inconsistent'
      readonly reason: string
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

export interface Submission {
  readonly url: string
  /** As `formatAddCheckpoint` writes it. */
  readonly body: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

// A hundred signature lines; omniwitness takes no more either.
const ANSWER_BYTES_MAX = 16_384
const RETRY_AFTER_MS_MAX = 3_600_000

/**
 * Offers one checkpoint to a witness (C2SP tlog-witness). Never throws, never follows a redirect,
 * reads a bounded answer, and is over after `timeoutMs` whatever the other side does.
 */
export async function submitCheckpoint(submission: Submission): Promise<WitnessAnswer> {
  const { url, body, timeoutMs, signal } = submission
  try {
    const answer = await fetch(`${url}/add-checkpoint`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'mumega-ledger' },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    const bytes = await readBounded(answer, ANSWER_BYTES_MAX)
    if (bytes === undefined) return failed(`it answered more than ${ANSWER_BYTES_MAX} bytes`)
    return judge(answer, bytes.toString())
  } catch (error) {
    return failed(reasonOf(error, timeoutMs))
  }
}

function judge(answer: Response, text: string): WitnessAnswer {
  const { status } = answer
  if (status === 200) return { kind: 'cosigned', lines: text }
  if (status === 409) return judgeConflict(answer, text)
  if (status === 422) {
    const reason = 'it holds this checkpoint to be inconsistent with one that it cosigned (422)'
    return { kind: 'refused', fault: 'inconsistent', reason }
  }
  const retryAfterMs = retryAfterOf(answer)
  return { ...failed(explain(status)), ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

// Only a size in the very form of the specification is one: omniwitness answers a root that it does
// not believe with 409 and nothing.
function judgeConflict(answer: Response, text: string): WitnessAnswer {
  const type = answer.headers.get('content-type')?.split(';', 1)[0]?.trim()
  const size = Number(/^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1])
  if (type === SIZE_MEDIA_TYPE && Number.isSafeInteger(size)) return { kind: 'stale', size }
  const reason = 'it has cosigned another root for this size (409 without a size)'
  return { kind: 'refused', fault: 'conflict', reason }
}

function explain(status: number): string {
  if (status === 404)
    return "it does not know this log (404): ask its operator to add the log's key"
  if (status === 403) return "it does not accept the log's signature (403): does it have our key?"
  if (status === 400) return 'it could not read the submission (400)'
  if (status === 429) return 'it asks for fewer submissions (429)'
  if (status >= 300 && status < 400) return `it redirects (${status}): write its present URL`
  return `it answered with status ${status}`
}

function retryAfterOf(answer: Response): number | undefined {
  const [seconds] = /^[0-9]{1,6}$/.exec(answer.headers.get('retry-after') ?? '') ?? []
  return seconds === undefined ? undefined : Math.min(Number(seconds) * 1_000, RETRY_AFTER_MS_MAX)
}

function failed(reason: string): { kind: 'failed'; reason: string } {
  return { kind: 'failed', reason }
}
