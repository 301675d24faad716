import { Type, type Static } from 'typebox'
import { printable } from './printable.ts'

export const Span = Type.Object({
  spanId: Type.String(),
  parentSpanId: Type.Optional(Type.String()),
  name: Type.String(),
  service: Type.String(),
  /** Milliseconds of the epoch. */
  startMs: Type.Number(),
  durationMs: Type.Number(),
  status: Type.Object({ code: Type.String(), message: Type.Optional(Type.String()) }),
})
export type Span = Static<typeof Span>

const INDENT_LEVELS_MAX = 40

interface Row {
  span: Span
  level: number
}

/**
 * The trace as lines: when each span began, how long it took, and under its cause, its service and
 * name. Every span is shown once, also where the spans' parents are missing or make a circle.
 */
export function spanTree(trace: { traceId: string; spans: readonly Span[] }): string {
  const rows = rowsOf(trace.spans)
  const begin = Math.min(...rows.map(({ span }) => span.startMs))
  const end = Math.max(...rows.map(({ span }) => span.startMs + span.durationMs))
  const services = [...new Set(rows.map(({ span }) => printable(span.service)))]
  const lines = [
    `trace ${printable(trace.traceId)}: ${rows.length} spans, ${milliseconds(end - begin)}, ` +
      `services ${services.join(', ')}`,
    `${'at'.padStart(11)} ${'took'.padStart(11)}`,
    ...rows.map((row) => lineOf(row, begin)),
  ]
  return `${lines.join('\n')}\n`
}

/** Parents before their children, siblings by their start. */
function rowsOf(spans: readonly Span[]): Row[] {
  const sorted = spans.toSorted((one, other) => one.startMs - other.startMs)
  const ids = new Set(spans.map((span) => span.spanId))
  const children = new Map<string, Span[]>()
  for (const span of sorted) {
    const siblings = children.get(span.parentSpanId ?? '')
    if (siblings === undefined) children.set(span.parentSpanId ?? '', [span])
    else siblings.push(span)
  }
  const isRoot = (span: Span) => !ids.has(span.parentSpanId ?? '')
  const rows = new Map<Span, Row>()
  // First the true roots; then whatever a circle of parents keeps from being reached.
  for (const root of [...sorted.filter(isRoot), ...sorted]) {
    const waiting: Row[] = [{ span: root, level: 0 }]
    for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
      if (rows.has(row.span)) continue
      rows.set(row.span, row)
      const level = row.level + 1
      const next = children.get(row.span.spanId) ?? []
      waiting.push(...next.toReversed().map((span) => ({ span, level })))
    }
  }
  return [...rows.values()]
}

function lineOf({ span, level }: Row, begin: number): string {
  const at = milliseconds(span.startMs - begin).padStart(11)
  const took = milliseconds(span.durationMs).padStart(11)
  const indent = '  '.repeat(Math.min(level, INDENT_LEVELS_MAX))
  const fault = span.status.code === 'error' ? `  ERROR ${span.status.message ?? ''}` : ''
  return `${at} ${took}  ${indent}${printable(`${span.service}: ${span.name}${fault}`.trimEnd())}`
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`
}
