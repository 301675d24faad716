import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Growth } from './sealer.ts'

const tracer = trace.getTracer('mumega')

/**
 * Ends the trace of each request at its entry: one span `seal` a sealed intent, under the intent's
 * traceparent.
 */
export function traceGrowth({ sealed = [], intents = [] }: Growth): void {
  intents.forEach(({ traceparent }, nth) => {
    const entry = sealed[nth]
    if (traceparent === undefined || entry === undefined) return
    const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-')
    const parent = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true }
    const attributes = {
      'ledger.source': entry.source,
      'ledger.id': entry.id,
      'ledger.index': entry.index,
    }
    tracer.startSpan('seal', { attributes }, trace.setSpanContext(ROOT_CONTEXT, parent)).end()
  })
}
