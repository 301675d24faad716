import type { Engram } from '@mumega/contracts/engrams'
import type { MirrorSettings } from './settings.ts'

/** What came of telling the Mirror. */
export type Told =
  | { readonly kind: 'told' }
  /** It will never take this engram. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

const RETRY_AFTER_MS_MAX = 3_600_000

/**
 * Tells the external Mirror of one engram; a second time is the same to it, by `context_id`. Never
 * throws, never follows a redirect, reads no answer, and is over after the timeout.
 */
export async function tellMirror(
  { url, token, timeoutMs }: MirrorSettings,
  { tenantId, engram, signal }: { tenantId: string; engram: Engram; signal: AbortSignal },
): Promise<Told> {
  try {
    const answer = await fetch(`${url}/store`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'user-agent': 'mumega-objectives',
      },
      body: JSON.stringify(mirrorOf(tenantId, engram)),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    await answer.body?.cancel()
    return judge(answer)
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error, timeoutMs) }
  }
}

/**
 * An engram as `POST /store` of Mumega's Mirror takes it (its `EngramStoreRequest`). Its workspace
 * is its token's. It needs a text, by which it searches.
 */
function mirrorOf(tenantId: string, engram: Engram): object {
  const { engramId, tags, tier, circle, kind, recordedBy, observedAt, expiresAt } = engram
  const { text, measures } = engram
  return {
    context_id: engramId,
    agent: recordedBy.slice(recordedBy.indexOf(':') + 1),
    text: text ?? textOf(engram),
    project: circle ?? tenantId,
    epistemic_truths: text === undefined ? [] : [text],
    core_concepts: tags,
    tier,
    ...(tier === 'entity' && { entity_id: circle }),
    metadata: {
      ...{ tenant_id: tenantId, kind, measures, observed_at: observedAt },
      ...(expiresAt !== undefined && { expires_at: expiresAt }),
    },
  }
}

/** What has only measures, in words. */
function textOf({ kind, measures }: Engram): string {
  const figures = Object.entries(measures).map(([name, value]) => `${name} ${value}`)
  return `${kind}: ${figures.join(', ')}`
}

// What is the fault of the engram ends it; what is of the way there, the token included, may mend.
const REFUSALS = new Set([
  400, 402, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 422, 431, 451,
])

function judge({ status, headers }: Response): Told {
  // 409: it has this context_id already.
  if ((status >= 200 && status < 300) || status === 409) return { kind: 'told' }
  if (REFUSALS.has(status)) {
    return { kind: 'refused', reason: `the Mirror refused the engram (${status})` }
  }
  const [seconds] = /^[0-9]{1,6}$/.exec(headers.get('retry-after') ?? '') ?? []
  return {
    kind: 'failed',
    reason: explain(status),
    ...(seconds !== undefined && {
      retryAfterMs: Math.min(Number(seconds) * 1_000, RETRY_AFTER_MS_MAX),
    }),
  }
}

function explain(status: number): string {
  if (status === 401 || status === 403) return `it does not accept MIRROR_TOKEN (${status})`
  if (status === 404) return 'it has no /engrams (404): is MIRROR_URL right?'
  if (status === 429) return 'it asks for fewer engrams (429)'
  if (status >= 300 && status < 400) return `it redirects (${status}): set MIRROR_URL to its URL`
  return `it answered with status ${status}`
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const name =
    typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined
  if (name === 'TimeoutError') return `it did not answer within ${timeoutMs} ms`
  if (name === 'AbortError') return 'the request was given up'
  return 'it cannot be reached, or broke off: is MIRROR_URL right, and is it up?'
}
