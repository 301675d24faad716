import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api'
import { pino, type Logger } from 'pino'
import { loadTelemetryConfig } from './config.ts'
import { shutdownExport } from './shutdown.ts'

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

export interface SpanSettings {
  /** Default `internal`. */
  readonly kind?: keyof typeof KINDS
  readonly attributes?: Attributes
  /** A `traceparent` header to continue. Absent or malformed: the active span is the parent. */
  readonly parent?: string | undefined
  /** `traceparent` headers of spans that caused this one without being its parent. */
  readonly links?: readonly string[]
}

// The tracer is a proxy of the API: it finds the provider that register.ts installed, or does
// nothing.
const tracer = trace.getTracer('mumega')

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** A span under way, for code that has no promise to wrap. `end` or `fail` is called once. */
export interface OpenSpan {
  readonly span: Span
  /** The span itself as a `traceparent` header; nothing where no trace is kept. */
  readonly traceparent: string | undefined
  /** Calls `fn` with the span active in it and in everything that it awaits. */
  run<T>(fn: () => T): T
  end(): void
  /** Ends the span as failed by `error`. */
  fail(error: unknown): void
}

/** Starts a span named `name`. It is active only inside of `run`. */
export function startSpan(name: string, settings: SpanSettings): OpenSpan {
  const parent = settings.parent === undefined ? undefined : contextOf(settings.parent)
  const around = parent ?? context.active()
  const span = tracer.startSpan(name, spanOptions(settings), around)
  return {
    span,
    traceparent: traceparentOf(span.spanContext()),
    run: (fn) => context.with(trace.setSpan(around, span), fn),
    end() {
      span.end()
    },
    fail(error) {
      recordFailure(span, error)
      span.end()
    },
  }
}

/**
 * Runs `fn` in a span named `name`, which is active in everything `fn` awaits. What `fn` throws is
 * recorded on the span and thrown on.
 */
export async function withSpan<T>(
  name: string,
  settings: SpanSettings,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  const open = startSpan(name, settings)
  try {
    const result = await open.run(() => fn(open.span))
    open.end()
    return result
  } catch (error) {
    open.fail(error)
    throw error
  }
}

/** Marks `span` as failed by `error`, with its code when it has one. */
export function recordFailure(span: Span, error: unknown): void {
  if (!span.isRecording()) return
  const { message, code } = describe(error)
  if (code !== undefined) span.setAttribute('error.type', code)
  span.recordException(error instanceof Error ? error : message)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

/** The active span as a W3C `traceparent` header, or nothing outside of any. */
export function currentTraceparent(): string | undefined {
  const span = trace.getSpanContext(context.active())
  return span === undefined ? undefined : traceparentOf(span)
}

/**
 * The 32 hex digits of a `traceparent`'s trace id, or nothing when it is malformed or all zeros.
 */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  const traceId = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1]
  return traceId === undefined || /^0+$/.test(traceId) ? undefined : traceId
}

/**
 * The logger of a service: one JSON object a line on standard output, each an event's name plus
 * fields, with the ids of the active span. Errors go under `error`, with their chain of causes.
 */
export function logger(service: string): Logger {
  return pino({
    level: loadTelemetryConfig().logLevel,
    base: { service },
    messageKey: 'event',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.errWithCause },
    errorKey: 'error',
    mixin: activeIds,
  })
}

/**
 * Sends what is still to be exported, for at most 3 seconds. Called once, at the end of a service's
 * `stop`.
 */
export async function shutdownTelemetry(): Promise<void> {
  await shutdownExport()
}

function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, '0')
  return `00-${span.traceId}-${span.spanId}-${flags}`
}

function activeIds(): object {
  const span = trace.getSpanContext(context.active())
  if (span === undefined || !isSpanContextValid(span)) return {}
  return { trace_id: span.traceId, span_id: span.spanId }
}

function spanOptions({ kind = 'internal', attributes = {}, links = [] }: SpanSettings) {
  return {
    kind: KINDS[kind],
    attributes,
    ...(links.length > 0 && { links: links.flatMap((link) => linkOf(link)) }),
  }
}

function linkOf(traceparent: string): Link[] {
  const linked = contextOf(traceparent)
  const span = linked && trace.getSpanContext(linked)
  return span === undefined ? [] : [{ context: span }]
}

function contextOf(traceparent: string): Context | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  const traceFlags = parseInt(flags, 16) & TraceFlags.SAMPLED
  const span = { traceId, spanId, traceFlags, isRemote: true }
  return isSpanContextValid(span) ? trace.setSpanContext(ROOT_CONTEXT, span) : undefined
}

function describe(error: unknown): { message: string; code: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error), code: undefined }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: error.message, code: code ?? error.name }
}
