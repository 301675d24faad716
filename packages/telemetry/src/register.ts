import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'
import { loadTelemetryConfig } from './config.ts'
import { quietExporter } from './quiet-exporter.ts'
import { onShutdown } from './shutdown.ts'
import { logger } from './telemetry.ts'

// Loaded by `node --import @mumega/telemetry/register`, before anything that it instruments.
const config = loadTelemetryConfig()

// Without a collector nothing is recorded, but trace ids are still made and passed on: they stand
// in the logs and in the ledger's entries, where they lead from one to the other.
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: config.serviceName }),
  sampler: config.endpoint === undefined ? new AlwaysOffSampler() : new AlwaysOnSampler(),
  spanProcessors: config.endpoint === undefined ? [] : [exportTo(config.endpoint)],
})

provider.register({
  contextManager: new AsyncLocalStorageContextManager().enable(),
  propagator: new W3CTraceContextPropagator(),
})

if (config.endpoint !== undefined) {
  registerInstrumentations({
    tracerProvider: provider,
    // Queries outside of any request (the relay's polling) would each be a trace of their own.
    instrumentations: [
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    ],
  })
  onShutdown(() => provider.shutdown())
}

function exportTo(endpoint: string): SpanProcessor {
  const log = logger(config.serviceName)
  const exporter = quietExporter({
    exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: 5_000 }),
    complain: (loss) => {
      log.warn(loss, 'traces-not-exported')
    },
  })
  // Past the bound spans are dropped, never requests slowed. One second, so that a trace can be
  // looked at soon.
  return new BatchSpanProcessor(exporter, {
    maxQueueSize: 8_192,
    maxExportBatchSize: 512,
    scheduledDelayMillis: 1_000,
    exportTimeoutMillis: 6_000,
  })
}
