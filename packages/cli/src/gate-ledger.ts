import type { Ledger } from '@mumega/contracts/gate-ledger'
import { printable } from './printable.ts'
import { aligned, marked } from './table.ts'

const BAR_WIDTH = 40
const RED = '\u001b[31m'
const GREEN = '\u001b[32m'
const PLAIN = '\u001b[0m'
const COLOURS: Readonly<Record<string, string>> = { GREEN, BLOCKED: RED }

/** The ledger as a table and a bar chart; in colour where `isTty`. */
export function ledgerText(ledger: Ledger, { isTty }: { isTty: boolean }): string {
  const { tracks, totals } = ledger
  const columns = [
    'TRACK',
    'BLOCKS',
    'P0',
    'P1',
    'WARN',
    'INFO',
    'OPEN',
    'ITERATIONS',
    'CARRIED',
    'POST-GREEN',
    'VERDICT',
  ]
  const rows = tracks.map(({ trackId, title, bySeverity, ...row }) => [
    `${trackId} ${title}`,
    String(row.blocks),
    // Unknown is not nothing.
    ...(['BLOCK-P0', 'BLOCK-P1', 'WARN', 'INFO'] as const).map((severity) =>
      bySeverity === undefined ? '–' : String(bySeverity[severity]),
    ),
    ...[row.blocksOpen, row.iterations, row.carries, row.postGreen].map(String),
    row.verdict ?? 'in review',
  ])
  const sums = [totals.blocksOpen, totals.iterations, totals.carries, totals.postGreen].map(String)
  const total = ['total', String(totals.blocks), ...['', '', '', ''], ...sums, '']
  // The first and the last column are words.
  const isNumber = (nth: number) => nth > 0 && nth < columns.length - 1
  const [head = '', ...body] = aligned([columns, ...rows, total], isNumber)
  const colourOf = (nth: number) => COLOURS[tracks[nth]?.verdict ?? '']
  const lines: Line[] = [
    { text: `${ledger.sprintId}: ${ledger.title}` },
    ...[{ text: '' }, { text: head }],
    ...body.map((text, nth) => ({ text, colour: colourOf(nth) })),
    ...[{ text: '' }, { text: 'BLOCKs found before GREEN' }],
    ...barsOf(ledger).map((text) => ({ text })),
    { text: '' },
    {
      text: `post-GREEN: ${totals.postGreen}, of which BLOCKs: ${totals.postGreenBlocks}`,
      ...(totals.postGreen > 0 && { colour: RED }),
    },
    ...carriedLines(ledger).map((text) => ({ text })),
    // Marked, so that no line of it looks like one of ours.
    ...(ledger.note === undefined ? [] : ['', ...marked(ledger.note)]).map((text) => ({ text })),
  ]
  return `${lines.map((line) => shown(line, isTty)).join('\n')}\n`
}

function carriedLines({ totals, carriedHere }: Ledger): string[] {
  if (totals.carriedHere === 0) return []
  const more = totals.carriedHere - carriedHere.length
  return [
    `carried here: ${totals.carriedHere}`,
    ...carriedHere.map(
      ({ sprintId, trackId, number, severity, title }) =>
        `  ${severity} ${sprintId}/${trackId} ${number}: ${title}`,
    ),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ]
}

interface Line {
  readonly text: string
  readonly colour?: string | undefined
}

function shown({ text, colour }: Line, isTty: boolean): string {
  const plain = printable(text).trimEnd()
  return isTty && colour !== undefined ? `${colour}${plain}${PLAIN}` : plain
}

function barsOf({ tracks }: Ledger): string[] {
  const most = Math.max(1, ...tracks.map(({ blocks }) => blocks))
  const width = Math.max(0, ...tracks.map(({ trackId }) => trackId.length))
  return tracks.map(({ trackId, blocks }) => {
    // At least one for any, so that none looks like nothing.
    const length = blocks === 0 ? 0 : Math.max(1, Math.round((blocks / most) * BAR_WIDTH))
    return `  ${trackId.padEnd(width)}  ${'█'.repeat(length)} ${blocks}`
  })
}
