export interface StoredSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly service: string
  /** Milliseconds of the epoch. */
  readonly startMs: number
  readonly durationMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: 'unset' | 'ok' | 'error'; readonly message?: string }
}

export interface StoredTrace {
  readonly traceId: string
  /** Sorted by start. */
  readonly spans: readonly Omit<StoredSpan, 'traceId'>[]
}

export interface TraceStore {
  /** `chars` is the length of the text that the spans came in: what they cost. */
  add(spans: readonly StoredSpan[], chars: number): void
  find(traceId: string): StoredTrace | undefined
}

// A runaway trace (a loop that never ends its root) must not push the memory up for ever.
const SPANS_PER_TRACE_MAX = 2_000

export interface TraceStoreOptions {
  tracesMax: number
  /** Of all traces, measured as the text that they came in. */
  charsMax: number
}

interface KeptTrace {
  spans: StoredSpan[]
  chars: number
}

/** The newest traces, in memory. The one whose first span came first is forgotten first. */
export function openTraceStore({ tracesMax, charsMax }: TraceStoreOptions): TraceStore {
  const traces = new Map<string, KeptTrace>()
  let charsKept = 0

  function add(span: StoredSpan, chars: number): void {
    const kept = traces.get(span.traceId) ?? { spans: [], chars: 0 }
    if (kept.spans.length === SPANS_PER_TRACE_MAX) return
    kept.spans.push(span)
    kept.chars += chars
    charsKept += chars
    traces.set(span.traceId, kept)
    for (const [traceId, oldest] of traces) {
      if (traces.size <= tracesMax && charsKept <= charsMax) return
      traces.delete(traceId)
      charsKept -= oldest.chars
    }
  }

  return {
    add(spans, chars) {
      for (const span of spans) add(span, chars / spans.length)
    },
    find(traceId) {
      const kept = traces.get(traceId)
      if (kept === undefined) return undefined
      const sorted = [...kept.spans].sort((a, b) => a.startMs - b.startMs)
      return { traceId, spans: sorted.map(({ traceId: _, ...span }) => span) }
    },
  }
}
