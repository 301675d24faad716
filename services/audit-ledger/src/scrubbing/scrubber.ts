import type { Connection } from '../connection.ts'
import type { StoredBatch } from './batch-frames.ts'
import { checkChainEnd } from './chain-end-check.ts'
import { CHAINS_PAGE, readChainEnds } from './key-repository.ts'
import { openPassFindings, type Finding } from './finding.ts'
import { openDropsCheck, type DropsCheck } from './drops-check.ts'
import { checkGuards } from './guard-check.ts'
import { openPass, type Pass } from './pass.ts'
import { endOf, startOf } from './pass-plan.ts'
import { readDropsSeen } from './drop-repository.ts'
import {
  readBatchesBehind,
  readBeyond,
  readExtent,
  readKeptCheckpoint,
  readLostPayloads,
} from './scrub-repository.ts'
import type { OpenNote } from './signed-check.ts'
import { readForStep } from './step-reads.ts'

export interface ScrubberOptions {
  /** Used by nothing else. */
  readonly connection: Connection
  readonly openNote: OpenNote
  /** The newest checkpoint outside the database; undefined while there is none. */
  readonly readCopy: () => Promise<string | undefined>
  /** Whether the first pass begins where the last one was put on record, and not at entry 0. */
  readonly isResuming?: boolean
  /** How long a redaction may be on record and not in the log, since it was first seen. */
  readonly unsealedMsMax?: number
  /** Chains that it remembers at once. */
  readonly chainsMax?: number
}

/** What one step did. */
export interface ScrubStep {
  /** Entries, ends of chains, or drops that it looked at. */
  readonly looked: number
  /** The entry that the next step begins with. */
  readonly position: number
  /** The checkpoint from which a later pass can go on; 0 for the beginning. */
  readonly checkpoint: number
  /** Entries that this pass covers. */
  readonly size: number
  readonly findings: readonly Finding[]
  /** Present at the end of a pass. */
  readonly ended?: PassEnd
}

export interface PassEnd {
  readonly entries: number
  readonly drops: number
  /** Whether each value was judged: none was hidden behind a finding. */
  readonly isWhole: boolean
  /** Everything that the pass found. */
  readonly found: readonly Pick<Finding, 'kind' | 'place'>[]
}

/** Re-reads every stored value, pass after pass. */
export interface Scrubber {
  /**
   * Reads and checks a little more; after the end it begins anew. Throws what the database throws,
   * and then the same step can be taken again.
   */
  step(): Promise<ScrubStep>
}

type Phase = 'entries' | 'chains' | 'drops' | 'beyond' | 'over'

interface Running {
  readonly pass: Pass
  phase: Phase
  /** Where the last batch began that was read. */
  after: number
  /** The last chain whose end was looked at. */
  chain: string
  readonly drops: DropsCheck
}

/**
 * Reads everything that the ledger keeps of its history, with a bound on the memory of each step,
 * and compares it with itself and with what was signed. It writes nothing.
 */
export function openScrubber(options: ScrubberOptions): Scrubber {
  const { connection } = options
  let running: Running | undefined
  // Over all passes: a log never becomes smaller, and no drop goes.
  let largest = 0
  let dropsMost = 0

  const isLate = openLateness(options.unsealedMsMax ?? UNSEALED_MS_MAX)
  let isResuming = options.isResuming === true

  async function begin(): Promise<Running> {
    const note = await options.readCopy()
    const kept = isResuming ? await readKeptCheckpoint(connection) : undefined
    dropsMost = Math.max(dropsMost, await readDropsSeen(connection))
    const extent = await readExtent(connection)
    isResuming = false
    const findings = openPassFindings()
    const end = endOf(findings, extent, { note, largest, openNote: options.openNote })
    largest = Math.max(largest, end.size)
    const start = startOf(kept, end.size, options.openNote)
    return {
      pass: openPass({ ...options, plan: { ...end, start }, findings, isLate }),
      phase: 'entries',
      after: start.size - 1,
      chain: '',
      drops: openDropsCheck(connection, dropsMost),
    }
  }

  return {
    async step() {
      running ??= await begin()
      const current = running
      const { pass } = current
      const { findings } = pass
      await checkGuards(connection, findings)
      const looked = await advance(connection, current)
      const isOver = current.phase === 'over'
      const drops = current.drops.seen()
      if (isOver) {
        running = undefined
        dropsMost = Math.max(dropsMost, drops)
      }
      return {
        looked,
        position: isOver ? 0 : pass.next(),
        checkpoint: isOver ? 0 : pass.checkpoint(),
        size: pass.plan.size,
        findings: findings.takeNew(),
        ...(isOver && {
          ended: {
            ...{ entries: pass.next(), drops },
            ...{ isWhole: findings.hidden() === 0, found: findings.all() },
          },
        }),
      }
    },
  }
}

// The bus may be away for long, and the redaction waits in the outbox.
const UNSEALED_MS_MAX = 3_600_000
const UNSEALED_MAX = 10_000

/** By this process's own clock: what the row says of its time could be forged with it. */
function openLateness(msMax: number): (redactionId: string) => boolean {
  const seen = new Map<string, number>()
  return (redactionId) => {
    const nowMs = performance.now()
    const sinceMs = seen.get(redactionId) ?? nowMs
    if (seen.size < UNSEALED_MAX) seen.set(redactionId, sinceMs)
    return nowMs - sinceMs >= msMax
  }
}

async function advance(connection: Connection, current: Running): Promise<number> {
  switch (current.phase) {
    case 'entries':
      return checkEntries(connection, current)
    case 'chains':
      return checkChainEnds(connection, current)
    case 'drops':
      return checkDrops(current)
    case 'beyond':
    case 'over':
      return checkBeyond(connection, current)
  }
}

async function checkEntries(connection: Connection, current: Running): Promise<number> {
  const { pass } = current
  const { size } = pass.plan
  if (pass.next() >= size) {
    pass.endEntries()
    current.phase = 'chains'
    return 0
  }
  const begin = pass.next()
  const found = await readBatchesBehind(connection, { after: current.after, end: size })
  const inside = found.filter(({ firstIndex }) => firstIndex < begin)
  for (const { firstIndex } of inside) reportExtraBatch(pass, current, firstIndex)
  const batches = inRow(found.slice(inside.length), begin)
  if (batches.length === 0) {
    const next = found[inside.length]?.firstIndex
    // Where only extra ones were found, more may stand behind them.
    if (next !== undefined || inside.length === 0) pass.skipTo(next ?? size)
    return inside.length
  }
  const last = batches.at(-1)?.firstIndex ?? begin
  const lost = await readLostPayloads(connection, { begin, end: last + 1 })
  const reads = await readForStep(connection, pass, batches)
  reportLostPayloads(pass, lost)
  current.after = last
  pass.check(reads)
  return pass.next() - begin
}

/** Those that stand one behind the other from `begin` on. */
function inRow(batches: readonly StoredBatch[], begin: number): StoredBatch[] {
  let next = begin
  const row: StoredBatch[] = []
  for (const batch of batches) {
    if (batch.firstIndex !== next) break
    row.push(batch)
    next += Math.floor((batch.leafHashes?.length ?? 0) / 32)
  }
  return row
}

function reportExtraBatch({ findings }: Pass, current: Running, firstIndex: number): void {
  current.after = firstIndex
  const place = `batch ${firstIndex}`
  findings.report({ kind: 'entries-extra', place, expected: 'no row', found: 'a row' })
}

function reportLostPayloads({ findings }: Pass, lost: readonly number[]): void {
  for (const firstIndex of lost) {
    const place = `payloads of batch ${firstIndex}`
    findings.report({ kind: 'payloads-extra', place, expected: 'no row', found: 'a row' })
  }
}

async function checkChainEnds(connection: Connection, current: Running): Promise<number> {
  const ends = await readChainEnds(connection, current.chain)
  for (const end of ends) checkChainEnd(current.pass, end)
  current.chain = ends.at(-1)?.chain ?? current.chain
  if (ends.length < CHAINS_PAGE) current.phase = 'drops'
  return ends.length
}

async function checkDrops(current: Running): Promise<number> {
  const { looked, isOver } = await current.drops.next(current.pass)
  if (isOver) current.phase = 'beyond'
  return looked
}

async function checkBeyond(connection: Connection, current: Running): Promise<number> {
  const { findings, plan } = current.pass
  const extra = await readBeyond(connection, plan)
  const behind = { begin: plan.size, end: Number.MAX_SAFE_INTEGER }
  reportLostPayloads(current.pass, await readLostPayloads(connection, behind))
  for (const { kind, place } of extra) {
    findings.report({ kind, place, expected: 'no row', found: 'a row' })
  }
  current.phase = 'over'
  return 0
}
