import parse, { type Family } from 'parse-prometheus-text-format'

export interface Metrics {
  /** The one sample of this name and of these labels among its own; undefined where none is. */
  value(name: string, labels?: Record<string, string>): number | undefined
  /** The values of a label, sorted. */
  labelsOf(name: string, label: string): string[]
  readonly families: readonly Family[]
}

const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/

/**
 * Reads a scrape by a parser that is not ours, and holds it to what the parser lets pass and
 * Prometheus or `promtool check metrics` does not.
 */
export function readMetrics(text: string): Metrics {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = parse(text)
  const names = families.map(({ name }) => name)
  if (new Set(names).size < names.length) throw new Error('a metric is told in two pieces')
  families.forEach(check)
  // Of histograms and summaries only what their families say is read.
  const samples = families.flatMap(({ name, metrics }) =>
    metrics.map(({ value, labels = {} }) => ({ name, value: Number(value), labels })),
  )
  return {
    families,
    value(name, labels = {}) {
      const [found, second] = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )
      if (second !== undefined) throw new Error(`${name} is told for several of these labels`)
      return found?.value
    },
    labelsOf: (name, label) =>
      samples
        .flatMap((sample) => (sample.name === name ? [sample.labels[label] ?? ''] : []))
        .sort(),
  }
}

function check({ name, help, type, metrics }: Family): void {
  // The others are of the client's own.
  if (!name.startsWith('mumega_')) return
  const complaint = (what: string) => new Error(`${name} ${what}`)
  if (!NAME.test(name)) throw complaint('is no good name')
  if (help === '') throw complaint('has no help')
  if (type !== 'COUNTER' && type !== 'GAUGE') throw complaint(`is of the type ${type}`)
  if ((type === 'COUNTER') !== name.endsWith('_total')) throw complaint(`is a ${type}`)
  if (/_(ms|milliseconds|kb)(_|$)/.test(name)) throw complaint('is in no base unit')
  const keys = metrics.map(({ labels = {} }) => JSON.stringify(Object.entries(labels).sort()))
  if (new Set(keys).size < keys.length) throw complaint('has two samples of the same labels')
  for (const { value, labels = {} } of metrics) {
    if (value === undefined || !Number.isFinite(Number(value))) throw complaint(`is ${value}`)
    if (!Object.keys(labels).every((label) => NAME.test(label))) throw complaint('has bad labels')
  }
}
