import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { systemClock } from '@mumega/config/clock'
import { openDatabase, type Knex } from '@mumega/db'
import { openFindingRecord } from '../scrubbing/finding-record.ts'
import { readOpenFindings } from '../scrubbing/finding-repository.ts'
import type { Finding } from '../scrubbing/finding.ts'
import { startScrubbing } from '../scrubbing/scrubbing.ts'
import { openThreadedScrubber } from '../scrubbing/threaded-scrubber.ts'
import { listAlterations, type Alteration } from './alterations.ts'
import { DrillRefused } from './refused.ts'
import { makeScratchCopy, type CopyOptions, type ScratchCopy } from './scratch-copy.ts'

export interface DrillOptions extends Omit<CopyOptions, 'onErasure'> {
  /** Verifies what the log signed. */
  readonly vkey: string
  /** How long each alteration may stay undetected; three passes over the log where that is more. */
  readonly detectMsMax: number
}

export interface DrillReport {
  readonly database: string
  readonly bytes: number
  readonly entries: number
  /** Of the copy as it was, with nothing altered. */
  readonly passMs: number
  readonly trials: readonly Trial[]
}

export interface Trial {
  readonly what: string
  /** What the scrubber had to say. */
  readonly finds?: Pick<Finding, 'kind' | 'place'>
  /** From the alteration's commit until the finding was on record; absent where it never was. */
  readonly detectedMs?: number
  /** Why the log offers nothing of this kind to alter. */
  readonly untried?: string
}

/** Whether something that was altered was not found. */
export function hasMissed({ trials }: DrillReport): boolean {
  return trials.some(({ detectedMs, untried }) => detectedMs === undefined && untried === undefined)
}

/**
 * Copies the log, scrubs the copy, alters one value of it after the other, and measures how long
 * each takes to be found. The log itself is only read; the copy is gone when this ends.
 *
 * @throws DrillRefused where nothing can be tried, the log was altered already, or a payload was
 * erased meanwhile
 */
export async function drillTamper(options: DrillOptions): Promise<DrillReport> {
  const erasure = new AbortController()
  const signal = AbortSignal.any([options.signal, erasure.signal])
  const onErasure = () => {
    erasure.abort(new DrillRefused(ERASED))
  }
  try {
    const copy = await makeScratchCopy({ ...options, signal, onErasure })
    try {
      return await drillOn(copy, { ...options, signal })
    } finally {
      await copy.remove()
    }
  } catch (error) {
    erasure.signal.throwIfAborted()
    throw error
  }
}

const ERASED = 'A payload was erased meanwhile, so that the copy is removed. Hold the drill again.'

async function drillOn(copy: ScratchCopy, options: DrillOptions): Promise<DrillReport> {
  const db = openDatabase(copy.url)
  const client = new Client({ connectionString: copy.url, statement_timeout: 60_000 })
  await client.connect()
  const startedMs = performance.now()
  const scrubbing = startScrubbing({
    scrubber: openThreadedScrubber({
      databaseUrl: copy.url,
      checkpointFile: copy.checkpointFile,
      vkey: options.vkey,
    }),
    record: openFindingRecord(db, systemClock),
    clock: systemClock,
    entriesPerSecond: () => 1_000_000,
    delayMs: 0,
    passMsMin: 0,
    onHalting: () => undefined,
  })
  const { signal } = options
  try {
    const isRead = () => Promise.resolve(scrubbing.figures().scrubPasses > 0)
    if (!(await until(isRead, { msMax: PASS_MS_MAX, signal }))) {
      throw new DrillRefused(`Reading the copy once took longer than ${PASS_MS_MAX / 1_000} s.`)
    }
    const passMs = performance.now() - startedMs
    const bound = { msMax: Math.max(options.detectMsMax, 3 * passMs), signal }
    const drill = { client, db, bound }
    const { count, first } = await readOpenFindings(db)
    if (first !== undefined) {
      const what = `${first.kind} at ${first.place}`
      throw new DrillRefused(`The log itself was altered: ${count} findings, among them ${what}.`)
    }
    const listed = await listAlterations(client)
    if (listed === undefined)
      throw new DrillRefused('Nothing of the log is signed yet, or not erased.')
    const trials: Trial[] = []
    for (const alteration of listed.able) trials.push(await tryOne(drill, alteration))
    trials.push(...listed.unable.map(({ what, why }) => ({ what, untried: why })))
    const entries = scrubbing.figures().scrubLastPassEntries ?? 0
    return { database: copy.name, bytes: copy.bytes, entries, passMs, trials }
  } finally {
    await scrubbing.stop()
    await client.end()
    await db.destroy()
  }
}

interface Drill {
  readonly client: Client
  readonly db: Knex
  readonly bound: Bound
}

async function tryOne({ client, db, bound }: Drill, alteration: Alteration): Promise<Trial> {
  const { what, finds } = alteration
  await inTransaction(client, alteration.change)
  const alteredMs = performance.now()
  const isFound = await until(async () => {
    const rows = await db('audit_findings').where(finds).whereNull('cleared_at').limit(1)
    return rows.length > 0
  }, bound)
  const detectedMs = performance.now() - alteredMs
  await inTransaction(client, alteration.undo)
  // The next one must be found in a copy that is whole again.
  const isCleared = await until(async () => (await readOpenFindings(db)).count === 0, bound)
  if (!isCleared) throw new Error(`the scrubber still reports ${what} when it is put back`)
  return { what, finds, ...(isFound && { detectedMs }) }
}

async function inTransaction(client: Client, statements: readonly string[]): Promise<void> {
  await client.query('begin')
  for (const statement of statements) await client.query(statement)
  await client.query('commit')
}

const PASS_MS_MAX = 600_000
const POLL_MS = 5

interface Bound {
  readonly msMax: number
  readonly signal: AbortSignal
}

/** Whether it was true within the bound. Throws when the drill is to end. */
async function until(isTrue: () => Promise<boolean>, { msMax, signal }: Bound): Promise<boolean> {
  const endMs = performance.now() + msMax
  while (performance.now() < endMs) {
    if (await isTrue()) return true
    await pause(POLL_MS, undefined, { signal })
  }
  return false
}
