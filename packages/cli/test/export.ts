import { decodeEntry, encodeEntry, entryHash, GENESIS, type LeafEntry } from '@mumega/tlog/entry'
import { formatCheckpoint } from '@mumega/tlog/checkpoint'
import { leafHash, rootOf } from '@mumega/tlog/merkle'
import { signerFromSeed, signNote } from '@mumega/tlog/note'
import { redactionTarget } from '@mumega/tlog/receipt'
import { alignedSubtrees } from '@mumega/tlog/subtrees'
import { anEntry, disclosure, vkey, type Ended, type Place } from './given.ts'

const log = signerFromSeed('ledger.example.com/main', Buffer.alloc(32, 1))

/** An exported file as the gateway writes it, before it is text: for a test to change. */
export interface Exported {
  entries: {
    index: number
    leafHash: string
    entry: LeafEntry
    before?: string[]
    disclosure?: unknown
    redacted?: boolean
  }[]
  trailer: Record<string, unknown>
}

/** The export of those entries of a signed log that `isWanted` wants. */
export function givenExport(
  log: readonly Buffer[],
  filter: Record<string, string> = {},
  isWanted: (entry: LeafEntry) => boolean = () => true,
): Exported {
  const leaves = log.map(leafHash)
  const gap = (begin: number, end: number) =>
    alignedSubtrees(begin, end).map(({ level, index }) =>
      rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)).toString('base64'),
    )
  const entries: Exported['entries'] = []
  let behind = 0
  for (const [index, bytes] of log.entries()) {
    const entry = decodeEntry(bytes)
    if (!isWanted(entry)) continue
    const before = gap(behind, index)
    const place = { index, leafHash: leafHash(bytes).toString('hex'), entry }
    entries.push({ ...place, ...(before.length > 0 && { before }), disclosure })
    behind = index + 1
  }
  const span = { firstIndex: entries[0]?.index, lastIndex: entries.at(-1)?.index }
  const size = log.length
  const note = signed(size, rootOf(leaves))
  return {
    entries,
    trailer: {
      ...{ trailer: 1, exportedAt: '2026-11-21T09:00:00.000Z', filter, disclosed: true },
      ...{ count: entries.length, ...span, size, after: gap(behind, size), checkpoint: note },
    },
  }
}

export function signed(size: number, root: Buffer): string {
  return signNote(formatCheckpoint({ origin: log.name, size, root }), log)
}

/** The file's text. */
export function textOf({ entries, trailer }: Exported): string {
  return [...entries, trailer].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** What the program says of the exported file, by the log's own key unless it is told another. */
export async function audit(
  place: Place,
  exported: Exported | string,
  { key = vkey, args = [] }: { key?: string; args?: readonly string[] } = {},
): Promise<Ended> {
  place.write('export.jsonl', typeof exported === 'string' ? exported : textOf(exported))
  return place.mumega('audit', 'export.jsonl', '--key', key, ...args)
}

/** Whose payload the log says was erased. */
export const REDACTED = { source: 'bridge', id: '0193a0b0-1111-7000-8000-000000000001' }

/** A log of two chains, nine entries; the last one is of these. */
function givenLog(last: Partial<LeafEntry> = {}): Buffer[] {
  const heads = new Map<string, { seq: number; prev: string }>()
  return Array.from({ length: 9 }, (_, nth) => {
    const chain = nth % 3 === 0 ? 'zenith' : 'acme'
    const { seq, prev } = heads.get(chain) ?? { seq: 0, prev: GENESIS }
    const bytes = encodeEntry({
      ...anEntry(),
      ...{ id: `0193a0b0-1111-7000-8000-00000000000${nth}`, chain, seq: seq + 1, prev },
      ...(nth === 8 && last),
    })
    heads.set(chain, { seq: seq + 1, prev: entryHash(bytes).toString('hex') })
    return bytes
  })
}

/** Nine entries. */
export const givenSealed = givenLog()

/** The same, but the last one records that the second one's payload was erased. */
export const givenErased = givenLog({
  source: 'audit-ledger',
  action: 'payload.redacted',
  target: redactionTarget(REDACTED),
})

/** The whole log's export with one change. */
export function changed(
  change: (exported: Exported) => void,
  log: readonly Buffer[] = givenSealed,
): Exported {
  const exported = givenExport(log)
  change(exported)
  return exported
}

/** Makes an export say that the payload of its nth entry was erased. */
export function erase(exported: Exported, nth: number): void {
  delete at(exported, nth).disclosure
  at(exported, nth).redacted = true
}

/** The nth entry, to be changed in place. */
export function at({ entries }: Exported, nth: number): Exported['entries'][number] {
  const entry = entries[nth]
  if (entry === undefined) throw new Error(`there is no entry ${nth}`)
  return entry
}

/** Also gives the entry the leaf hash that it then has. */
export function alter(line: Exported['entries'][number], fields: Partial<LeafEntry>): void {
  line.entry = { ...line.entry, ...fields }
  line.leafHash = leafHash(encodeEntry(line.entry)).toString('hex')
}
