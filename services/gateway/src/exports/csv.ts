import type { ExportFormat } from './format.ts'

const COLUMNS = [
  'record',
  'index',
  'leaf_hash',
  'source',
  'id',
  'chain',
  'seq',
  'time',
  'actor_id',
  'actor_kind',
  'action',
  'target',
  'phase',
  'of',
  'trace',
  'payload_hash',
]

// What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection), the full-width
// forms that some take for the same included.
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/

/** One field: harmless to a spreadsheet, then quoted as RFC 4180 asks. */
export function csvField(value: string): string {
  // The apostrophe says "this is text"; it is shown by nobody but a program that reads the file.
  const harmless = FORMULA.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

function record(fields: readonly string[]): string {
  return `${fields.map(csvField).join(',')}\r\n`
}

/**
 * RFC 4180, for people and spreadsheets. The first column is `entry`, and `trailer` in the last
 * record, whose index is the number of entries and whose payload hash is empty: a file without it
 * is incomplete. Not verifiable offline; the JSONL is.
 */
export const csv: ExportFormat = {
  contentType: 'text/csv; charset=utf-8; header=present',
  extension: 'csv',
  begin: () => record(COLUMNS),
  line({ index, leafHash, entry }) {
    const { source, id, chain, seq, time, actor, action, target, phase, of, trace } = entry
    const place = ['entry', String(index), leafHash, source, id, chain, String(seq), time]
    const what = [actor.id, actor.kind, action, target, phase, of ?? '', trace, entry.payload]
    return record([...place, ...what])
  },
  end({ count }) {
    return record(['trailer', String(count), ...COLUMNS.slice(2).map(() => '')])
  },
}
