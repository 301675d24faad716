import { randomBytes } from 'node:crypto'
import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'
import type { App } from './app.ts'

/** The span of a request, and the context in which everything done for it runs. */
export interface RequestTrace {
  traceId: string
  span: Span
  context: Context
}

const tracer = trace.getTracer('gateway')
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/

/**
 * Opens one server span per request and names it in `Trace-Id` and `traceparent` of every response.
 * The trace is always a new one, because its id is sealed into the ledger and a caller could name
 * another tenant's; the caller's own `traceparent` is a link of the span. Where nothing records
 * spans the ids are made all the same: they lead from a problem to the log lines and the ledger's
 * entry.
 */
export function traceRequests(app: App): void {
  app.decorateRequest('trace')
  app.addHook('onRequest', (request, reply, done) => {
    const opened = openTrace(request)
    request.trace = opened
    const { traceId, spanId } = opened.span.spanContext()
    void reply.header('Trace-Id', traceId)
    void reply.header('traceparent', `00-${traceId}-${spanId}-01`)
    context.with(opened.context, done)
  })
  // A body is read by listeners of the socket, which lose the context; from here on it holds again.
  app.addHook('preValidation', (request, _reply, done) => {
    context.with(request.trace?.context ?? ROOT_CONTEXT, done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    closeTrace(request, reply.statusCode)
    done()
  })
}

/** Ends the span of a request; a stream does so when it opens, not hours later. */
export function closeTrace(request: FastifyRequest, statusCode: number): void {
  const span = request.trace?.span
  if (span === undefined) return
  span.setAttribute('http.response.status_code', statusCode)
  if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

function openTrace(request: FastifyRequest): RequestTrace {
  const links = linksOf(request.headers.traceparent)
  const route = request.routeOptions.url
  const attributes = {
    'http.request.method': request.method,
    'url.path': request.url.split('?', 1)[0] ?? '',
    ...(route === undefined ? {} : { 'http.route': route }),
  }
  const name = `${request.method} ${route ?? 'unmatched'}`
  const started = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes, links }, ROOT_CONTEXT)
  const span = isSpanContextValid(started.spanContext()) ? started : trace.wrapSpanContext(newIds())
  return { traceId: span.spanContext().traceId, span, context: trace.setSpan(ROOT_CONTEXT, span) }
}

function linksOf(header: string | string[] | undefined): Link[] {
  const [, traceId, spanId] = TRACEPARENT.exec(typeof header === 'string' ? header : '') ?? []
  if (traceId === undefined || spanId === undefined) return []
  const remote = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
  return isSpanContextValid(remote) ? [{ context: remote }] : []
}

function newIds() {
  return {
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: TraceFlags.NONE,
  }
}
