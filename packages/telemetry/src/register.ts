import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  NodeTracerProvider,
} from '@opentelemetry/sdk-trace-node'
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions'
import { loadTelemetryConfig } from './config.ts'
import { onShutdown } from './shutdown.ts'

// Loaded by `node --import @mumega/telemetry/register`, before anything that it instruments.
const { endpoint, serviceName } = loadTelemetryConfig()
// What exports is loaded where something is exported.
const exporting =
  endpoint === undefined
    ? undefined
    : (await import('./exporting.ts')).openExporting({ endpoint, serviceName })

// Without a collector nothing is recorded, but trace ids are still made and passed on: they stand
// in the logs and in the ledger's entries, where they lead from one to the other.
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName }),
  sampler: exporting === undefined ? new AlwaysOffSampler() : new AlwaysOnSampler(),
  spanProcessors: exporting === undefined ? [] : [exporting.spans],
})

provider.register({
  contextManager: new AsyncLocalStorageContextManager().enable(),
  propagator: new W3CTraceContextPropagator(),
})

if (exporting !== undefined) {
  exporting.watchQueries(provider)
  onShutdown(() => provider.shutdown())
}
