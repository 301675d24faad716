import type { Bus } from '@mumega/bus'
import type { SealedEntry } from '@mumega/contracts/audit'
import { READ_ENTRIES_MAX, readEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { decodeEntry, entryHash, type LeafEntry } from '@mumega/tlog/entry'
import { BRIDGE_CONTEXT } from '../identity.ts'
import type { KafkaParts } from './parts.ts'

type Range = RequestOf<typeof readEntries>

// What a ledger announces is one range. Only what somebody else made up is many.
const ASKED_AT_ONCE = 4

/**
 * The entries at the places that were announced, as the ledger has them, by their index; what it
 * does not have is missing. Safe to do again.
 *
 * @throws while the ledger does not answer: nothing is known of the entries then
 */
export async function readAnnounced(
  { bus, figures }: Pick<KafkaParts, 'bus' | 'figures'>,
  announced: readonly SealedEntry[],
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>()
  const ranges = rangesOf(announced.map(({ index }) => index))
  if (ranges.length === 0) return found
  try {
    for (let at = 0; at < ranges.length; at += ASKED_AT_ONCE) {
      const some = ranges.slice(at, at + ASKED_AT_ONCE)
      await Promise.all(some.map((range) => readRange(bus, range, found)))
    }
  } catch (error) {
    figures.ledgerFailed(error)
    throw error
  }
  figures.ledgerAnswered()
  return found
}

/** Why `text` is not the entry that was announced; undefined where it is. */
export function mismatchOf(announced: SealedEntry, text: string | undefined): string | undefined {
  if (text === undefined) return `the log has no entry ${announced.index}`
  const bytes = Buffer.from(text)
  if (entryHash(bytes).toString('hex') !== announced.hash) {
    return `the hash of the log's entry ${announced.index} is another one`
  }
  const entry = readEntry(bytes)
  if (entry === undefined) return `what the log has at ${announced.index} is no entry`
  const fields = ['source', 'id', 'chain', 'seq'] as const
  const other = fields.find((field) => entry[field] !== announced[field])
  return other && `the log's entry ${announced.index} has another "${other}"`
}

function readEntry(bytes: Buffer): LeafEntry | undefined {
  try {
    return decodeEntry(bytes)
  } catch {
    return undefined
  }
}

async function readRange(bus: Bus, range: Range, found: Map<number, string>): Promise<void> {
  let begin: number | undefined = range.begin
  while (begin !== undefined) {
    const asked: Range = { begin, end: range.end }
    const reply: ReplyOf<typeof readEntries> = await bus.request(readEntries, asked, {
      context: BRIDGE_CONTEXT,
    })
    for (const { index, entry } of reply.entries) found.set(index, entry)
    if (reply.next !== undefined && reply.next <= begin) throw new Error('the ledger goes back')
    begin = reply.next
  }
}

/** Neighbouring places together, each once, as many as may be asked for. */
function rangesOf(indexes: readonly number[]): Range[] {
  const ranges: Range[] = []
  for (const index of [...new Set(indexes)].sort((one, other) => one - other)) {
    const last = ranges.at(-1)
    if (last?.end === index && index - last.begin < READ_ENTRIES_MAX) last.end = index + 1
    else ranges.push({ begin: index, end: index + 1 })
  }
  return ranges
}
