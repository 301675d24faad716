import type { ChainSpan } from './chain-audit.ts'
import type { Checkpoint } from './checkpoint.ts'
import { completenessOf, isWithoutGaps, type Completeness } from './export-completeness.ts'
import { openEntries } from './export-entries.ts'
import { Fault, messageOf, type ExportStatus } from './export-fault.ts'
import type { ExportFilter } from './export-filter.ts'
import { parseExportLine, type EntryLine, type TrailerLine } from './export-line.ts'
import { ED25519, parseVkey, type Verifier } from './note.ts'
import { openCheckpoint } from './receipt.ts'

/** What is known of an exported log. */
export interface ExportVerdict {
  readonly status: ExportStatus
  /** One sentence for a person, with the entry or line that is wrong. */
  readonly reason: string
  /** Entries that were read. */
  readonly entries: number
  readonly chains: number
  /** What was read of each chain; of the first 20. */
  readonly spans: readonly ChainSpan[]
  /** Disclosed payloads, each the one that its entry commits to. */
  readonly payloads: number
  /** What the trailer says was asked for; `{}` is the whole log. */
  readonly filter?: ExportFilter
  /** The signed checkpoint; present when `valid`, `redacted` or `unproved`. */
  readonly checkpoint?: Checkpoint
  /** What is proven of what is not in the file; present with the checkpoint. */
  readonly completeness?: Completeness
  /** Entries that record an erasure, wherever the payload that was erased would stand. */
  readonly erasuresRecorded: number
  readonly redactions: {
    /** Payloads that the export says were erased, as an entry in it records. */
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

type Entries = ReturnType<typeof openEntries>

type Judgement = Pick<ExportVerdict, 'status' | 'reason' | 'checkpoint' | 'completeness'>

/** Holds all of an export to its trailer, and that to the signed root. */
function close(entries: Entries, trailer: TrailerLine, verifier: Verifier): Judgement {
  const { filter, size } = trailer
  checkSpan(entries, trailer)
  const mismatch = entries.mismatch(filter)
  if (mismatch !== undefined) throw new Fault('diverged', mismatch)
  const isGapless = isWithoutGaps(filter, trailer.count, size)
  checkDisclosures(entries, { ...trailer, isGapless })
  const gap = isGapless ? entries.firstGap() : undefined
  if (gap !== undefined) throw new Fault('diverged', gap)
  const checkpoint = signedBy(verifier, trailer)
  const { count, last: lastIndex } = entries.span()
  if (Object.keys(filter).length === 0 && count !== size) {
    throw new Fault('diverged', `The log has ${size} entries; the file has ${count}.`)
  }
  entries.grow(size, trailer.after)
  if (!entries.root().equals(checkpoint.root)) {
    const reason = 'The root over these entries is not the signed one: some entry is another.'
    throw new Fault('diverged', reason)
  }
  const { spans, redactions } = entries.figures()
  const chain = spans.length === 1 ? spans[0] : undefined
  const isOverfull = entries.hasTooManyErasures()
  const completeness = completenessOf({ filter, count, lastIndex, size, chain })
  return {
    checkpoint,
    completeness,
    ...statusOf({ completeness, redactions, isGapless, isOverfull }),
  }
}

interface Found extends Pick<ExportVerdict, 'redactions'> {
  readonly completeness: Completeness
  readonly isGapless: boolean
  readonly isOverfull: boolean
}

function statusOf({
  completeness,
  redactions,
  isGapless,
  isOverfull,
}: Found): Pick<Judgement, 'status' | 'reason'> {
  const { proved, unproved } = redactions
  if (completeness.kind === 'nothing') {
    const reason =
      'The file has no entries: it proves nothing about what was asked for, but that its ' +
      'checkpoint is signed.'
    return { status: 'unproved', reason }
  }
  const reason = 'The signed log holds these entries as they stand here.'
  if (unproved === 0) return { status: proved > 0 ? 'redacted' : 'valid', reason }
  if (isOverfull) {
    const tooMany =
      'But more payloads are said to be erased, ahead of the entries that record it, than are ' +
      `followed: of ${unproved} of them nothing is proven.`
    return { status: 'unproved', reason: `${reason} ${tooMany}` }
  }
  const doubt = `${unproved} payloads are said to be erased, and the log does not record it. `
  // A chain has its own erasures in it; the entry that records one is sealed a moment after it.
  if (isGapless) {
    const remedy = 'Export again, should it have happened within the last minute.'
    throw new Fault('diverged', doubt + remedy)
  }
  return {
    status: 'unproved',
    reason:
      `${reason} But ${unproved} payloads are said to be erased, and no entry here records it: ` +
      'export the whole chain, which has that entry, or get the receipts.',
  }
}

/** Holds payloads, and marks of erased ones, to what the trailer says of them. */
function checkDisclosures(
  entries: Entries,
  { isDisclosed, isGapless }: { isDisclosed: boolean; isGapless: boolean },
): void {
  const odd = isDisclosed ? entries.firstUndisclosed() : entries.firstDisclosed()
  if (odd !== undefined) {
    const reason = isDisclosed
      ? `The trailer says that payloads are disclosed; entry ${odd} has none, and no word on why.`
      : `The trailer says that no payloads are disclosed; entry ${odd} has one, or a word on it.`
    throw new Fault('diverged', reason)
  }
  // A payload is gone before the entry that records its erasure is sealed, and an export reads
  // payloads after the checkpoint that it ends with; one that had sent the payload when it went on
  // to a newer checkpoint has no trailer. In a part of a chain what was erased may not stand.
  const unmarked = isDisclosed && isGapless ? entries.firstUnmarked() : undefined
  if (unmarked !== undefined) throw new Fault('diverged', unmarked)
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
