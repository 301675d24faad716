import { openChainAudit } from './chain-audit.ts'
import type { Checkpoint } from './checkpoint.ts'
import { commitPayload, encodeEntry, type LeafEntry } from './entry.ts'
import { parseExportLine, type EntryLine, type TrailerLine } from './export-line.ts'
import { leafHash } from './merkle.ts'
import { ED25519, parseVkey, type Verifier } from './note.ts'
import { openCheckpoint, type ReceiptStatus } from './receipt.ts'
import { openRedactionAudit } from './redaction-audit.ts'
import { openSparseTree, type SparseTree } from './sparse-tree.ts'

/**
 * What is known of an exported log; the statuses are those of a receipt. `redacted` is `valid` with
 * payloads that were erased.
 */
export interface ExportVerdict {
  readonly status: ReceiptStatus
  /** One sentence for a person, with the entry or line that is wrong. */
  readonly reason: string
  /** Entries that were read. */
  readonly entries: number
  readonly chains: number
  /** Disclosed payloads, each the one that its entry commits to. */
  readonly payloads: number
  /** What the trailer says was asked for; `{}` is the whole log. */
  readonly filter?: Readonly<Record<string, unknown>>
  /** The signed checkpoint; present when `valid` or `redacted`. */
  readonly checkpoint?: Checkpoint
  readonly redactions: {
    /** Erasures that the exported log itself records. */
    readonly proved: number
    /** Payloads that the export says were erased, and nothing in it proves it. */
    readonly unproved: number
    /** The first of them, as `source/id`; at most 20. */
    readonly named: readonly string[]
  }
}

/** Judges an export line by line; keeps a few bytes for each chain and each erased payload. */
export interface ExportAudit {
  /** Takes the next line, without its newline. False when the verdict is known. */
  take(line: string): boolean
  /** After the last line. `isWhole` says whether that one ended in a newline. */
  end(options: { isWhole: boolean }): ExportVerdict
}

/** What ends an audit before its trailer. */
class Fault extends Error {
  readonly status: ReceiptStatus

  constructor(status: ReceiptStatus, message: string) {
    super(message)
    this.status = status
  }
}

/**
 * Audits an exported log by nothing but the log's public key.
 *
 * @throws TypeError when `vkey` is not the verifier key of a log. Whatever the lines hold is a
 * verdict and never an exception.
 */
export function openExportAudit(vkey: string): ExportAudit {
  const verifier = parseVkey(vkey)
  if (verifier.type !== ED25519) throw new TypeError('this is the key of a witness, not of a log')
  const audit = openEntries()
  let lines = 0
  let trailer: TrailerLine | undefined
  let fault: Fault | undefined

  function takeLine(text: string): void {
    if (trailer !== undefined) throw new Fault('malformed', `Line ${lines} follows the trailer.`)
    const line = parsed(text, lines)
    if (line.kind === 'entry') audit.add(line, lines)
    else trailer = line
  }

  function judge(isWhole: boolean): Partial<ExportVerdict> {
    if (fault !== undefined) throw fault
    if (trailer === undefined || !isWhole) {
      const reason = 'The file ends before its trailer: the export broke off, or was cut.'
      throw new Fault('malformed', reason)
    }
    return { filter: trailer.filter, ...close(audit, trailer, verifier) }
  }

  return {
    take(text) {
      lines += 1
      try {
        takeLine(text)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        fault = error
      }
      return fault === undefined
    },
    end({ isWhole }) {
      const filter = trailer && { filter: trailer.filter }
      try {
        const judged = judge(isWhole)
        return { ...audit.figures(), status: 'valid', reason: '', ...judged }
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        return { ...audit.figures(), ...filter, status: error.status, reason: error.message }
      }
    },
  }
}

function parsed(text: string, line: number): EntryLine | TrailerLine {
  try {
    return parseExportLine(text)
  } catch (error) {
    throw new Fault('malformed', `Line ${line} is not of an export: ${messageOf(error)}.`)
  }
}

/** The entries of one export: tree, chains, payloads and erasures. */
function openEntries() {
  const tree = openSparseTree()
  const chains = openChainAudit()
  const redactions = openRedactionAudit()
  let [count, payloads] = [0, 0]
  let first: number | undefined
  let last: number | undefined

  function add(line: EntryLine, lineNumber: number): void {
    const { index, before } = line
    const { entry, bytes } = encoded(line, lineNumber)
    const leaf = leafHash(bytes)
    if (leaf.toString('hex') !== line.leafHash) {
      throw new Fault('diverged', `Entry ${index} does not have the leaf hash that stands by it.`)
    }
    grow(tree, index, before)
    tree.addLeaf(leaf)
    const broken = chains.add(index, { entry, bytes })
    if (broken !== undefined) throw new Fault('diverged', broken)
    if (line.disclosure !== undefined && !isCommitted(entry, line.disclosure)) {
      throw new Fault('diverged', `The payload of entry ${index} is not the one it commits to.`)
    }
    if (line.disclosure !== undefined) payloads += 1
    redactions.add(entry, line.isRedacted)
    first ??= index
    last = index
    count += 1
  }

  return {
    add,
    grow: (end: number, roots: readonly Buffer[]) => {
      grow(tree, end, roots)
    },
    root: () => tree.root(),
    firstGap: () => chains.firstGap(),
    span: () => ({ count, first, last }),
    figures: () => ({
      ...{ entries: count, chains: chains.count(), payloads },
      redactions: redactions.figures(),
    }),
  }
}

type Entries = ReturnType<typeof openEntries>

function grow(tree: SparseTree, end: number, roots: readonly Buffer[]): void {
  try {
    tree.skipTo(end, roots)
  } catch {
    const from = tree.size()
    const reason =
      end < from
        ? `Entry ${end} stands behind entry ${from - 1}: it is there twice, or out of order.`
        : `What lies between index ${from} and ${end} is not all there.`
    throw new Fault('diverged', reason)
  }
}

/** Holds all of an export to its trailer, and that to the signed root. */
function close(
  entries: Entries,
  trailer: TrailerLine,
  verifier: Verifier,
): Pick<ExportVerdict, 'status' | 'reason' | 'checkpoint'> {
  checkSpan(entries, trailer)
  const asked = Object.keys(trailer.filter)
  const isWholeChains = asked.every((name) => name === 'chain')
  const gap = isWholeChains ? entries.firstGap() : undefined
  if (gap !== undefined) throw new Fault('diverged', gap)
  const checkpoint = signedBy(verifier, trailer)
  const { count } = entries.span()
  if (asked.length === 0 && count !== trailer.size) {
    throw new Fault('diverged', `The log has ${trailer.size} entries; the file has ${count}.`)
  }
  entries.grow(trailer.size, trailer.after)
  if (!entries.root().equals(checkpoint.root)) {
    const reason = 'The root over these entries is not the signed one: some entry is another.'
    throw new Fault('diverged', reason)
  }
  const { proved, unproved } = entries.figures().redactions
  if (isWholeChains && unproved > 0) {
    // The entry that records an erasure is sealed a moment after it.
    const reason =
      `${unproved} payloads are said to be erased, and the log does not record it. ` +
      'Export again, should it have happened within the last minute.'
    throw new Fault('diverged', reason)
  }
  const reason = 'The signed log holds these entries as they stand here.'
  return { status: proved + unproved > 0 ? 'redacted' : 'valid', reason, checkpoint }
}

function checkSpan(entries: Entries, trailer: TrailerLine): void {
  const { count, first, last } = entries.span()
  const { firstIndex, lastIndex } = trailer
  if (trailer.count === count && firstIndex === first && lastIndex === last) return
  const said = `${trailer.count} entries, from ${firstIndex ?? '–'} to ${lastIndex ?? '–'}`
  const reason = `The trailer says ${said}; there are ${count}, from ${first ?? '–'} to ${last ?? '–'}.`
  throw new Fault('diverged', reason)
}

function signedBy(verifier: Verifier, { checkpoint: note, size }: TrailerLine): Checkpoint {
  if (note === undefined) {
    throw new Fault('not-anchored', 'No signed checkpoint covers these entries yet.')
  }
  const opened = openCheckpoint(note, verifier)
  if ('status' in opened) throw new Fault(opened.status, opened.reason)
  if (opened.size === size) return opened
  throw new Fault('diverged', `The signed log has ${opened.size} entries, and not ${size}.`)
}

function encoded({ index, entry }: EntryLine, line: number): { entry: LeafEntry; bytes: Buffer } {
  try {
    // `encodeEntry` checks every field of what it is given.
    const checked = entry as LeafEntry
    return { entry: checked, bytes: encodeEntry(checked) }
  } catch (error) {
    throw new Fault('malformed', `Line ${line}, index ${index}: ${messageOf(error)}.`)
  }
}

function isCommitted(
  entry: LeafEntry,
  { salt, payload }: { salt: string; payload: unknown },
): boolean {
  try {
    return commitPayload(Buffer.from(salt, 'hex'), payload).toString('hex') === entry.payload
  } catch {
    // Too large or too deep: the ledger never commits to such a payload.
    return false
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
