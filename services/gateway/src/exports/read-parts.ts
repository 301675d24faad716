import { setTimeout as pause } from 'node:timers/promises'
import { getCheckpoint } from '@mumega/contracts/audit-ledger'
import { exportEntries, type AuditFilters } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import type { LeafEntry } from '@mumega/tlog/entry'
import { isErasure } from '@mumega/tlog/receipt'
import type { Gateway } from '../app.ts'
import { readLiveToken } from '../authentication.ts'
import { erasurePending, payloadMissing } from '../errors.ts'
import type { Session } from '../session.ts'
import type { ExportedEntry, ExportFormat } from './format.ts'

export interface ExportOrder {
  readonly session: Session
  readonly context: CallContext
  readonly filters: AuditFilters
  readonly disclose: boolean
  readonly format: ExportFormat
  /** The newest signed note; undefined while the log is empty. */
  readonly checkpoint: string | undefined
}

/** Some entries of an export, in order; the last part says under what all of them are signed. */
export interface Part {
  readonly entries: readonly ExportedEntry[]
  readonly end?: {
    readonly size: number
    readonly checkpoint: string | undefined
    readonly after: readonly string[]
  }
}

type Reply = ReplyOf<typeof exportEntries>

// At most so many entries are in memory for one reader, and as many more for each look.
const PART = 100
// Signing takes a second. All looks together are shorter than a request may take.
const LOOK_MS = 250
const LOOKS_MAX = 40

/**
 * Reads an export part by part, each when it is asked for.
 *
 * The entry that records an erasure is sealed a moment after it. So an export of whole chains that
 * shows a payload as erased goes on, under a newer checkpoint, until it has the record, too:
 * without it the file would contradict itself for ever. What was not sent by then is read anew,
 * for the newer checkpoint may have the records of later erasures; where it has that of a payload
 * which was sent, the export ends without its trailer.
 *
 * @throws gateway.erasure-pending when such a record does not come, or comes behind its payload;
 * gateway.payload-missing; and as `readLiveToken` and `exportEntries`
 */
export async function* readParts(gateway: Gateway, order: ExportOrder): AsyncGenerator<Part> {
  // An audit asks for the records only where none can have been filtered out.
  const isWholeChains = Object.keys(order.filters).every((name) => name === 'chain')
  // The records of erasures that what was sent asks for.
  const awaited = new Set<string>()
  const looks = { left: LOOKS_MAX }
  let { checkpoint } = order
  let begin = 0
  for (;;) {
    const size = sizeOf(checkpoint)
    const reply = await readPart(gateway, order, { size, begin })
    const entries = reply.entries.map((exported) => readable(exported, order.disclose))
    // The last part alone may be read anew.
    const after = reply.next === undefined ? new Set(awaited) : awaited
    if (order.disclose && isWholeChains) pass(after, reply, entries)
    if (reply.next === undefined && after.size === 0) {
      yield { entries, end: { size, checkpoint, after: reply.after ?? [] } }
      return
    }
    if (reply.next === undefined) {
      // What was read is not sent: an export of a single part can be refused still.
      checkpoint = await newerCheckpoint(gateway, order, { size, looks })
      continue
    }
    yield { entries }
    begin = (entries.at(-1)?.index ?? begin - 1) + 1
  }
}

/** The token is looked up before each part: a revoked one gets no more of the log. */
async function readPart(
  gateway: Gateway,
  { session, context, filters, disclose }: ExportOrder,
  place: { size: number; begin: number },
): Promise<Reply> {
  await readLiveToken(gateway, session.tokenHash)
  const request = { ...filters, ...place, limit: PART, disclose }
  return gateway.bus.request(exportEntries, request, { context })
}

/**
 * Moves the ids of the records that are still to come over a part. A record stands behind what it
 * records.
 *
 * @throws gateway.erasure-pending when a record is of a payload that was sent: nothing of it told
 * that it was erased
 */
function pass(awaited: Set<string>, reply: Reply, entries: readonly ExportedEntry[]): void {
  for (const { redactionId } of reply.entries) {
    if (redactionId !== undefined) awaited.add(redactionId)
  }
  for (const { entry } of entries) {
    if (isErasure(entry) && !awaited.delete(entry.id)) throw erasurePending()
  }
}

async function newerCheckpoint(
  gateway: Gateway,
  { context }: ExportOrder,
  { size, looks }: { size: number; looks: { left: number } },
): Promise<string | undefined> {
  while (looks.left > 0) {
    looks.left -= 1
    await pause(LOOK_MS)
    const { note } = await gateway.bus.request(getCheckpoint, {}, { context })
    if (sizeOf(note) > size) return note
  }
  throw erasurePending()
}

/** @throws gateway.payload-missing */
function readable(
  { entry: text, redactionId, ...exported }: Reply['entries'][number],
  disclose: boolean,
): ExportedEntry {
  // Canonical JSON of an entry, as the ledger's own reply says.
  const entry = JSON.parse(text) as LeafEntry
  const isRedacted = redactionId !== undefined
  // Altered, or gone: only an erasure on record may leave a payload out.
  if (disclose && !isRedacted && exported.disclosure === undefined) {
    throw payloadMissing(exported.index)
  }
  return { ...exported, text, entry, isRedacted }
}

function sizeOf(checkpoint: string | undefined): number {
  return checkpoint === undefined ? 0 : parseCheckpoint(textOf(checkpoint)).size
}

/** The three signed lines of the ledger's own note. */
export function textOf(note: string): string {
  return note.slice(0, note.indexOf('\n\n') + 1)
}
