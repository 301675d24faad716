import { rounded } from './figures.ts'
import type { Cost } from './growth.ts'

interface Panel {
  /** What is measured, and its unit. */
  readonly title: string
  readonly valueOf: (cost: Cost) => number
}

const PANELS: readonly Panel[] = [
  { title: 'appends a second', valueOf: (cost) => cost.appendsPerSecond },
  { title: 'appends, of COPY', valueOf: (cost) => cost.appendsPerSecond / cost.copiesPerSecond },
  { title: 'receipt, ms (p50)', valueOf: (cost) => cost.receiptMs },
  { title: 'receipt, of a chain head', valueOf: (cost) => cost.receiptMs / cost.headMs },
  { title: 'entry to signature, ms (p50)', valueOf: (cost) => cost.checkpointMs },
  { title: 'start until it leads, ms (p50)', valueOf: (cost) => cost.startMs },
  { title: 'bytes an event, on disk', valueOf: (cost) => cost.bytesPerEvent },
  { title: 'bytes, without search', valueOf: (cost) => cost.logBytesPerEvent },
]

/** The same as a table, for the report that shows the plot. */
export function reportOf(costs: readonly Cost[], at: Date): string {
  const rows = [
    ['events', ...costs.map(({ size }) => size.toLocaleString('en'))],
    ...PANELS.map(({ title, valueOf }) => [
      title,
      ...costs.map((cost) => String(rounded(valueOf(cost)))),
    ]),
  ]
  const widths = ['', ...costs].map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const rowOf = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = rowOf(widths.map((width) => '-'.repeat(width)))
  const [header = '', ...lines] = rows.map(rowOf)
  return [
    '# What the ledger costs as it grows',
    '',
    `By \`npm run bench growth\`, ${at.toISOString().slice(0, 10)}; ../README.md says how.`,
    '',
    ...[header, rule, ...lines],
    '',
    '![The same over the size of the log](growth.svg)',
    '',
  ].join('\n')
}

const WIDTH = 240
const HEIGHT = 170
const LEFT = 20
const RIGHT = 200
const TOP = 50
const BOTTOM = 130

/** A panel for each cost over the size of the log (logarithmic), from zero up. */
export function plotOf(costs: readonly Cost[]): string {
  const panels = PANELS.map((panel, nth) => panelOf(panel, costs, nth * WIDTH))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * PANELS.length} ${HEIGHT}"`,
    `  font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...panels,
    '</svg>',
    '',
  ].join('\n')
}

function panelOf({ title, valueOf }: Panel, costs: readonly Cost[], offset: number): string {
  const logs = costs.map(({ size }) => Math.log10(size))
  const least = Math.min(...logs)
  const span = Math.max(1, Math.max(...logs) - least)
  const highest = Math.max(...costs.map(valueOf)) * 1.2
  const points = costs.map((cost) => ({
    x: LEFT + ((Math.log10(cost.size) - least) / span) * (RIGHT - LEFT),
    y: BOTTOM - (valueOf(cost) / highest) * (BOTTOM - TOP),
    value: String(rounded(valueOf(cost))),
    size: cost.size.toExponential(0).replace('e+', '·10^').replace('1·', ''),
  }))
  const line = points.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  const marks = points.map(
    ({ x, y, value, size }) =>
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="#1f5fa8"/>` +
      `<text x="${x.toFixed(1)}" y="${(y - 8).toFixed(1)}" text-anchor="middle">${value}</text>` +
      `<text x="${x.toFixed(1)}" y="${BOTTOM + 16}" text-anchor="middle" fill="#555">${size}</text>`,
  )
  return [
    `<g transform="translate(${offset} 0)">`,
    `<text x="${LEFT}" y="20" font-weight="bold">${title}</text>`,
    `<line x1="${LEFT}" y1="${BOTTOM}" x2="${RIGHT}" y2="${BOTTOM}" stroke="#999"/>`,
    `<polyline points="${line}" fill="none" stroke="#1f5fa8" stroke-width="2"/>`,
    ...marks,
    '</g>',
  ].join('\n')
}
