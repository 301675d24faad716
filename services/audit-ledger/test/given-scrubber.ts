import { readFile } from 'node:fs/promises'
import type { Bus } from '@mumega/bus'
import { listFindings } from '@mumega/contracts/audit-findings'
import { eventually } from '@mumega/testkit'
import { parseCheckpoint } from '@mumega/tlog/checkpoint'
import { openNote, parseVkey } from '@mumega/tlog/note'
import { openConnection, type Connection } from '../src/connection.ts'
import type { Finding } from '../src/scrubbing/finding.ts'
import { guardsOf } from '../src/scrubbing/guard-check.ts'
import { openScrubber, type PassEnd, type Scrubber } from '../src/scrubbing/scrubber.ts'
import { noteOpener } from '../src/signing/log-key.ts'
import { anIntent, checkpointOf, OPERATOR, publishIntents, type TestLedger } from './given.ts'

/** The chains of the log, in turn: entry 0 is of the first, entry 1 of the second. */
const CHAINS = ['acme', 'beta', 'gamma']
const BATCH = 64

/** Fills the log with batches of exactly 64 entries, each signed before the next one comes. */
export async function givenSignedBatches(ledger: TestLedger, count: number): Promise<void> {
  const bridge = await ledger.bus('bridge')
  let made = (await ledger.sql('select from event_keys')).length
  for (let nth = 0; nth < count; nth += 1) {
    const intents = Array.from({ length: BATCH }, (_, at) =>
      anIntent({ chain: CHAINS[(made + at) % CHAINS.length] ?? '' }),
    )
    await publishIntents(bridge, intents)
    made += BATCH
    await untilSignedUpTo(ledger, made)
  }
}

/** Waits for a signed checkpoint over at least so many entries; returns its size. */
export async function untilSignedUpTo(ledger: TestLedger, size: number): Promise<number> {
  const bridge = await ledger.bus('bridge')
  return eventually(
    async () => {
      const { note, vkey } = await checkpointOf(bridge)
      if (note === undefined) return undefined
      const signed = parseCheckpoint(openNote(note, [parseVkey(vkey)]).text).size
      return signed >= size && signed
    },
    { what: `a checkpoint over ${size}` },
  )
}

export function copyPath(ledger: TestLedger): string {
  return ledger.config.LEDGER_CHECKPOINT_FILE ?? `${ledger.config.LEDGER_KEY_FILE}.checkpoint`
}

export async function vkeyOf(ledger: TestLedger): Promise<string> {
  return (await checkpointOf(await ledger.bus('bridge'))).vkey
}

export interface TestScrubber {
  readonly scrubber: Scrubber
  /** The one connection that it reads by, as the cluster's administrator. */
  readonly connection: Connection
}

/** The real scrubber, in this thread and with nothing that holds it up. */
export async function givenScrubber(
  ledger: TestLedger,
  { vkey, ...changes }: { vkey: string; chainsMax?: number; isResuming?: boolean },
): Promise<TestScrubber> {
  const connection = openConnection(ledger.adminUrl)
  await connection.query({ text: 'set search_path = audit_ledger' })
  const scrubber = openScrubber({
    connection,
    openNote: noteOpener(vkey),
    readCopy: () => readFile(copyPath(ledger), 'utf8'),
    // The log of most tests is at rest: what is not sealed yet will not be.
    unsealedMsMax: 0,
    ...changes,
  })
  return { scrubber, connection }
}

const STEPS_MAX = 10_000

export interface ScrubbedPass {
  readonly found: Finding[]
  readonly end: PassEnd
  /** How far each step has come but the last, with which the pass begins anew. */
  readonly positions: number[]
}

/** Scrubs to the end of a pass. */
export async function scrubPass(scrubber: Scrubber): Promise<ScrubbedPass> {
  const found: Finding[] = []
  const positions: number[] = []
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    const step = await scrubber.step()
    found.push(...step.findings)
    if (step.ended !== undefined) return { found, end: step.ended, positions }
    positions.push(step.position)
  }
  throw new Error(`a pass did not end within ${STEPS_MAX} steps`)
}

/** One pass over everything, by a scrubber that is closed again. */
export async function scrubAll(
  ledger: TestLedger,
  vkey: string,
): Promise<{ found: Finding[]; isWhole: boolean; entries: number }> {
  const { scrubber, connection } = await givenScrubber(ledger, { vkey })
  const { found, end } = await scrubPass(scrubber)
  await connection.close()
  return { found, isWhole: end.isWhole, entries: end.entries }
}

export const FLIPPED = {
  entry: 'entries = set_byte(entries, 100, get_byte(entries, 100) # 1)',
  salt: 'salts = set_byte(salts, 5, get_byte(salts, 5) # 1)',
}

/** The same twice is nothing. */
export async function flip(
  ledger: TestLedger,
  table: 'event_batches' | 'payload_batches',
  change: string,
): Promise<void> {
  const guard = (mode: string) =>
    guardsOf(table)
      .map((trigger) => `alter table ${table} ${mode} trigger ${trigger};`)
      .join('')
  // One transaction: nobody sees the guard away.
  await ledger.sql(`${guard('disable')} update ${table} set ${change} where first_index = 0;
    ${guard('enable always')}`)
}

export async function findingsOf(bus: Bus, context = OPERATOR) {
  return (await bus.request(listFindings, { limit: 200 }, { context })).findings
}

export async function untilFound(bus: Bus, count = 1) {
  return eventually(
    async () => {
      const findings = await findingsOf(bus)
      return findings.length >= count && findings
    },
    { what: `${count} findings` },
  )
}
