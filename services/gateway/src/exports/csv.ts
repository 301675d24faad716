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

// What a spreadsheet takes for the beginning of a formula, once it has dropped what is not seen
// before it (OWASP, CSV Injection); the forms that Unicode holds for the same, such as the
// full-width ones, included.
const SIGN = '[=+\\-@\u2212\u207a\u207b\u207c\u208a\u208b\u208c\ufe62\ufe63\ufe66\ufe6b＋－＝＠]'
const UNSEEN = '[\\s\\p{Cc}\\p{Cf}\\p{Z}\\p{Default_Ignorable_Code_Point}]'
// A reader that splits at another separator than ours begins a cell in the middle of a field, and
// takes a quote there for the beginning of a quoted one.
const FORMULA = new RegExp(`(^|[;|\\t\\r\\n])(?=(?:"|${UNSEEN})*${SIGN})|^(?=[\\t\\r\\n])`, 'gu')
const QUOTED = /[",;\r\n]|^\s|\s$/u

/** One field: harmless to a spreadsheet, then quoted as RFC 4180 asks, and where others split. */
export function csvField(value: string): string {
  // The apostrophe says "this is text"; it is shown by nobody but a program that reads the file.
  const harmless = value.replaceAll(FORMULA, "$1'")
  return QUOTED.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
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
