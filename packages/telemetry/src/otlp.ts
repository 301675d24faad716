import type { StoredSpan } from './trace-store.ts'

// OTLP/HTTP JSON, opentelemetry-proto v1: ids are hex, 64-bit numbers are strings, enums are
// numbers. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
const KINDS = ['internal', 'internal', 'server', 'client', 'producer', 'consumer'] as const
const STATUS_CODES = ['unset', 'ok', 'error'] as const

type Json = Readonly<Record<string, unknown>>

/**
 * The spans of an OTLP request, or nothing when it is malformed anywhere: half a request is not
 * kept.
 */
export function spansOf(body: string): StoredSpan[] | undefined {
  try {
    return listAt(JSON.parse(body), 'resourceSpans').flatMap((resourceSpans) => {
      const resource = isJson(resourceSpans['resource']) ? resourceSpans['resource'] : {}
      const service = attributesOf(resource)['service.name']
      return listAt(resourceSpans, 'scopeSpans')
        .flatMap((scopeSpans) => listAt(scopeSpans, 'spans'))
        .map((span) => spanOf(span, typeof service === 'string' ? service : 'unknown'))
    })
  } catch {
    // Bytes of a stranger: whatever is wrong with them, the answer is that they are malformed.
    return undefined
  }
}

function spanOf(span: Json, service: string): StoredSpan {
  const start = nanosAt(span, 'startTimeUnixNano')
  const parent = span['parentSpanId']
  const status = isJson(span['status']) ? span['status'] : {}
  return {
    traceId: hexAt(span, 'traceId', 32),
    spanId: hexAt(span, 'spanId', 16),
    ...(typeof parent === 'string' && parent !== '' && { parentSpanId: parent.toLowerCase() }),
    name: String(span['name']),
    kind: KINDS[Number(span['kind'] ?? 0)] ?? 'internal',
    service,
    startMs: Number(start / 1_000n) / 1_000,
    durationMs: Number((nanosAt(span, 'endTimeUnixNano') - start) / 1_000n) / 1_000,
    attributes: attributesOf(span),
    status: {
      code: STATUS_CODES[Number(status['code'] ?? 0)] ?? 'unset',
      ...(typeof status['message'] === 'string' && { message: status['message'] }),
    },
  }
}

function attributesOf(owner: Json): Record<string, unknown> {
  const pairs = listAt(owner, 'attributes').map((pair) => [
    String(pair['key']),
    valueOf(pair['value']),
  ])
  return Object.fromEntries(pairs) as Record<string, unknown>
}

function valueOf(value: unknown): unknown {
  if (!isJson(value)) return null
  if ('intValue' in value) return Number(value['intValue'])
  if (isJson(value['arrayValue'])) return listAt(value['arrayValue'], 'values').map(valueOf)
  return value['stringValue'] ?? value['boolValue'] ?? value['doubleValue'] ?? null
}

function listAt(owner: unknown, key: string): Json[] {
  if (!isJson(owner)) throw new TypeError(`${key} has no owner`)
  const list = owner[key] ?? []
  if (!Array.isArray(list) || !list.every(isJson)) throw new TypeError(`${key} is not a list`)
  return list
}

function hexAt(owner: Json, key: string, digits: number): string {
  const text = owner[key]
  if (typeof text !== 'string' || text.length !== digits || !/^[0-9a-fA-F]+$/.test(text)) {
    throw new TypeError(`${key} is not ${digits} hex digits`)
  }
  return text.toLowerCase()
}

function nanosAt(owner: Json, key: string): bigint {
  const nanos = owner[key]
  if (typeof nanos === 'string' || typeof nanos === 'number') return BigInt(nanos)
  throw new TypeError(`${key} is missing`)
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
