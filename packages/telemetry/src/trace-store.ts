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
  add(spans: readonly StoredSpan[]): void
  find(traceId: string): StoredTrace | undefined
}

// A runaway trace (a loop that never ends its root) must not push the memory up for ever.
const SPANS_PER_TRACE_MAX = 2_000

/** The newest traces, in memory. The one whose first span came first is forgotten first. */
export function openTraceStore({ tracesMax }: { tracesMax: number }): TraceStore {
  const traces = new Map<string, StoredSpan[]>()

  function add(span: StoredSpan): void {
    const spans = traces.get(span.traceId)
    if (spans !== undefined) {
      if (spans.length < SPANS_PER_TRACE_MAX) spans.push(span)
      return
    }
    traces.set(span.traceId, [span])
    if (traces.size <= tracesMax) return
    for (const oldest of traces.keys()) {
      traces.delete(oldest)
      break
    }
  }

  return {
    add(spans) {
      for (const span of spans) add(span)
    },
    find(traceId) {
      const spans = traces.get(traceId)
      if (spans === undefined) return undefined
      const sorted = [...spans].sort((a, b) => a.startMs - b.startMs)
      return { traceId, spans: sorted.map(({ traceId: _, ...span }) => span) }
    },
  }
}
