import type { exportEntries, AuditFilters } from '@mumega/contracts/audit-search'
import type { ReplyOf } from '@mumega/contracts/define'
import type { LeafEntry } from '@mumega/tlog/entry'

type Part = ReplyOf<typeof exportEntries>

/** One exported entry: its bytes as text, what they say, and its place. */
export interface ExportedEntry extends Omit<Part['entries'][number], 'entry' | 'redactionId'> {
  readonly text: string
  readonly entry: LeafEntry
  /** Whether its payload was asked for and was erased, as an entry records or will record. */
  readonly isRedacted: boolean
}

/** The end of an export: without it what was received is incomplete. */
export interface Trailer {
  /** UTC. */
  readonly exportedAt: string
  readonly filter: AuditFilters
  readonly disclosed: boolean
  /** Of the entries before it. */
  readonly count: number
  /** Absent when there are none. */
  readonly firstIndex?: number
  readonly lastIndex?: number
  /** Of the signed log. */
  readonly size: number
  /** Roots of the subtrees behind the last entry, in base64. */
  readonly after: readonly string[]
  /** The signed note; absent while the log is empty. */
  readonly checkpoint?: string
}

/** How an export is written; each text ends its line. */
export interface ExportFormat {
  readonly contentType: string
  readonly extension: string
  begin(): string
  line(entry: ExportedEntry): string
  end(trailer: Trailer): string
}
