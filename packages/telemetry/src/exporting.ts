import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import {
  BatchSpanProcessor,
  type NodeTracerProvider,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { quietExporter } from './quiet-exporter.ts'
import { logger } from './telemetry.ts'

interface Exporting {
  readonly spans: SpanProcessor
  /** Has every query of `pg` be a span of its own, from here on. */
  watchQueries(tracerProvider: NodeTracerProvider): void
}

/** Sends spans to a collector by OTLP/HTTP; `endpoint` is its base URL. */
export function openExporting(to: { endpoint: string; serviceName: string }): Exporting {
  const log = logger(to.serviceName)
  const exporter = quietExporter({
    exporter: new OTLPTraceExporter({ url: `${to.endpoint}/v1/traces`, timeoutMillis: 5_000 }),
    complain: (loss) => {
      log.warn(loss, 'traces-not-exported')
    },
  })
  // Past the bound spans are dropped, never requests slowed. One second, so that a trace can be
  // looked at soon.
  const spans = new BatchSpanProcessor(exporter, {
    maxQueueSize: 8_192,
    maxExportBatchSize: 512,
    scheduledDelayMillis: 1_000,
    exportTimeoutMillis: 6_000,
  })
  return {
    spans,
    watchQueries(tracerProvider) {
      // Queries outside of any request (the relay's polling) would each be a trace of their own.
      const queries = new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true })
      registerInstrumentations({ tracerProvider, instrumentations: [queries] })
    },
  }
}
