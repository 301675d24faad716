import { ExportResultCode, type ExportResult } from '@opentelemetry/core'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'

const COMPLAINT_MS_MIN = 60_000

export interface QuietExporterOptions {
  readonly exporter: SpanExporter
  /** Called at most once a minute, with what was lost since the last call. */
  readonly complain: (loss: { spansLost: number; reason: string }) => void
}

/**
 * Passes spans on to `exporter`. A failure is counted and told once a minute at most, and never
 * reaches the SDK's own error handler, which prints a stack trace for every batch while a collector
 * is away.
 */
export function quietExporter({ exporter, complain }: QuietExporterOptions): SpanExporter {
  let spansLost = 0
  let complainedAt = -COMPLAINT_MS_MIN

  function onResult(spans: number, result: ExportResult): void {
    if (result.code === ExportResultCode.SUCCESS) return
    spansLost += spans
    if (performance.now() - complainedAt < COMPLAINT_MS_MIN) return
    complainedAt = performance.now()
    complain({ spansLost, reason: result.error?.message ?? 'unknown' })
    spansLost = 0
  }

  return {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        onResult(spans.length, result)
        done({ code: ExportResultCode.SUCCESS })
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}
