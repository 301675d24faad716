import type { exportEntries } from '@mumega/contracts/audit-search'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { readAs } from '@mumega/db/act'
import { asUnavailable } from '@mumega/db/unavailable'
import { decodeEntry } from '@mumega/tlog/entry'
import { leafHash } from '@mumega/tlog/merkle'
import { alignedSubtrees } from '@mumega/tlog/subtrees'
import { checkpointNotReached, invalidFilter } from '../errors.ts'
import { readNodes } from '../receipts/inclusion.ts'
import { getHashes } from '../receipts/proof-repository.ts'
import { findRedactionIds } from '../redactions/redaction-repository.ts'
import type { Checkpointer } from '../signing/checkpointer.ts'
import { findDisclosures } from './disclosure-repository.ts'
import { findEntries } from './entry-repository.ts'
import { selectEntries } from './export-selection.ts'
import { filtersOf } from './read-page.ts'

export interface ExportTools {
  readonly db: Knex
  readonly checkpointer: Pick<Checkpointer, 'current'>
}

type Reply = ReplyOf<typeof exportEntries>
type ExportedEntry = Reply['entries'][number]

/** Of the entries of a reply, in JSON: below what the bus takes, roots between them included. */
export const REPLY_BYTES_MAX = 400_000
// Entries with their payloads that are in memory at once: 16 of the largest are 1.2 MB.
const PART = 16

/**
 * Answers with the next part of an export: entries with their leaf hashes, and the roots of what
 * lies between them. Bounded by `limit` and by bytes, so that the caller's pace is the reader's.
 *
 * @throws audit-ledger.invalid-filter, audit-ledger.checkpoint-not-reached,
 * audit-ledger.index-behind, db.unavailable
 */
export async function handleExportEntries(
  { db, checkpointer }: ExportTools,
  { size, begin, limit, disclose, ...asked }: RequestOf<typeof exportEntries>,
  context: CallContext,
): Promise<Reply> {
  if (begin > size) throw invalidFilter('begin', 'is behind the end of the tree')
  if (size > (checkpointer.current()?.size ?? 0)) throw checkpointNotReached(size)
  const filters = filtersOf(asked, context)
  const selection = { begin, end: size, limit: limit + 1 }
  const indexes =
    filters === undefined
      ? []
      : await readAs(db, context, (trx) => selectEntries(trx, filters, selection))
  const entries = await asUnavailable(() =>
    readEntries(db, indexes.slice(0, limit), { disclose, chain: filters?.chain }),
  )
  const isLast = entries.length === indexes.length
  const ends = [...entries.map(({ index }) => index), ...(isLast ? [size] : [])]
  const gaps = await asUnavailable(() => readGaps(db, begin, ends))
  return {
    entries: entries.map((entry, nth) => ({ ...entry, before: gaps[nth] ?? [] })),
    ...(isLast ? { after: gaps.at(-1) ?? [] } : { next: (entries.at(-1)?.index ?? begin) + 1 }),
  }
}

type Read = Omit<ExportedEntry, 'before'>

/** The entries at these indexes, as many from the first on as fit into a reply; at least one. */
async function readEntries(
  db: Knex,
  indexes: readonly number[],
  { disclose, chain }: { disclose: boolean; chain: string | undefined },
): Promise<Read[]> {
  const entries: Read[] = []
  let bytes = 0
  for (let at = 0; at < indexes.length; at += PART) {
    for (const entry of await readPart(db, indexes.slice(at, at + PART), { disclose, chain })) {
      bytes += Buffer.byteLength(JSON.stringify(entry))
      if (bytes > REPLY_BYTES_MAX && entries.length > 0) return entries
      entries.push(entry)
    }
  }
  return entries
}

async function readPart(
  db: Knex,
  indexes: readonly number[],
  { disclose, chain }: { disclose: boolean; chain: string | undefined },
): Promise<Read[]> {
  const found = await findEntries(db, indexes)
  const read = indexes.map((index) => {
    const bytes = found.get(index)
    if (bytes === undefined) throw new Error(`there is no entry ${index}`)
    return { index, bytes, entry: decodeEntry(bytes) }
  })
  // What is exported for a tenant is decided by the entry itself, whatever the keys say.
  const stray = read.find(({ entry }) => chain !== undefined && entry.chain !== chain)
  if (stray !== undefined) throw new Error(`entry ${stray.index} is of another chain`)
  const commitments = new Map(read.map(({ index, entry }) => [index, entry.payload]))
  const behind = disclose ? await readBehind(db, commitments) : undefined
  return read.map(({ index, bytes }) => ({
    index,
    entry: bytes.toString(),
    leafHash: leafHash(bytes).toString('hex'),
    ...behind?.(index),
  }))
}

/** What stands behind each commitment, or which entry tells that it was erased. */
async function readBehind(
  db: Knex,
  commitments: ReadonlyMap<number, string>,
): Promise<(index: number) => Pick<Read, 'disclosure' | 'redactionId'>> {
  const disclosures = await findDisclosures(db, commitments)
  // After the payloads: what is not there any more has its redaction by now. What was altered, and
  // not erased, has none.
  const missing = [...commitments.keys()].filter((index) => !disclosures.has(index))
  const redactions = await findRedactionIds(db, missing)
  return (index) => {
    const [disclosure, redactionId] = [disclosures.get(index), redactions.get(index)]
    return {
      ...(disclosure !== undefined && { disclosure }),
      ...(redactionId !== undefined && { redactionId }),
    }
  }
}

/** The roots of what lies before each of `ends`: from `begin`, then from behind the end before. */
async function readGaps(db: Knex, begin: number, ends: readonly number[]): Promise<string[][]> {
  const gaps = ends.map((end, nth) =>
    alignedSubtrees(nth === 0 ? begin : (ends[nth - 1] ?? 0) + 1, end),
  )
  const roots = await readNodes(gaps.flat(), (ranges) => getHashes(db, ranges))
  let at = 0
  return gaps.map((gap) => {
    at += gap.length
    return roots.slice(at - gap.length, at).map((root) => root.toString('base64'))
  })
}
