import type { Connection } from '../connection.ts'
import type { FindingRecord } from '../scrubbing/finding-record.ts'
import { FINDINGS_MAX, GROUND_KINDS, type Finding } from '../scrubbing/finding.ts'
import { readSealedRows } from '../search/index-repository.ts'
import { RANGES_MAX } from '../search/number-repository.ts'
import { SLICE } from '../search/pace.ts'
import {
  addNumbers,
  boundProgress,
  compareNumbers,
  compareOpen,
  mendNumbers,
  mendOpen,
  readKept,
  readOpenKeys,
  type IntentKey,
  type KeptNumbers,
  type NumbersDifference,
  type OpenDifference,
  type ToldNumbers,
} from './ground-repository.ts'

/**
 * Holds what completeness is judged by, the numbers and the open intents that the projection keeps,
 * to the log: whoever may write the ledger's tables could make a lost intent untold else.
 */
export interface GroundCheck {
  /**
   * Compares a slice of the first `size` entries, which are projected, and as many open intents.
   * After the last slice the numbers of all producers are compared with what a round has added up.
   * What differs is put on record as a finding, then written anew from the log.
   */
  step(size: number): Promise<void>
}

/** One way through the log, as far as it was counted when the way began. */
interface Round {
  readonly size: number
  readonly kept: readonly KeptNumbers[]
  readonly told: Map<string, ToldNumbers>
  /** The first findings of the round; one more than are kept says that there are more. */
  readonly found: Finding[]
  next: number
}

const NOTHING = {
  ...{ numbers: '{}', ranges: 0, entries: 0 },
  ...{ reused: 0, reusedNumber: null, reusedIndex: null },
}
const TEXT_MAX = 200
// Of one step; who alters many must not fill the record.
const NAMED_MAX = 20

export function openGroundCheck(
  connection: Connection,
  findings: Pick<FindingRecord, 'record' | 'clear'>,
): GroundCheck {
  let round: Round | undefined
  let openAfter: IntentKey | undefined
  // Also what an earlier process left open.
  let mayBeOpen = true

  async function begin(): Promise<Round> {
    const said = await boundProgress(connection)
    const begun = await roundOf(connection)
    if (said !== undefined) await report(begun, [progressFinding(said)])
    return begun
  }

  async function report(to: Round, found: readonly Finding[]): Promise<void> {
    if (found.length === 0) return
    mayBeOpen = true
    to.found.push(...found.slice(0, FINDINGS_MAX + 1 - to.found.length))
    await findings.record(found)
  }

  /** Adds a slice up; its intents. Undefined where the log is altered, which judges nothing. */
  async function addSlice(at: Round): Promise<IntentKey[] | undefined> {
    const end = Math.min(at.next + SLICE, at.size)
    const slice = { begin: at.next, end }
    const rows = at.next === end ? [] : await readSealedRows(connection, slice)
    const added = await addNumbers(connection, rows ?? [], knownOf(at))
    if (rows === undefined || keyedIn(added) < rows.length) return undefined
    for (const numbers of added) at.told.set(numbers.source, sumOf(at, numbers))
    at.next = end
    return rows.filter(({ phase }) => phase === 'intent')
  }

  async function holdOpen(at: Round, intents: readonly IntentKey[], size: number): Promise<void> {
    const page = await readOpenKeys(connection, { after: openAfter, limit: SLICE })
    openAfter = page.length < SLICE ? undefined : page.at(-1)
    const different = await compareOpen(connection, [...intents, ...page], size)
    await report(at, openFindings(different))
    if (different.length > 0) await mendOpen(connection, different, size)
  }

  async function holdNumbers(at: Round): Promise<void> {
    const different = await compareNumbers(connection, pairsOf(at))
    await report(at, different.map(numbersFinding))
    await mendAll(connection, at, different)
  }

  return {
    async step(size) {
      round ??= await begin()
      const intents = await addSlice(round)
      if (intents === undefined) {
        round = undefined
        return
      }
      await holdOpen(round, intents, size)
      if (round.next < round.size) return
      await holdNumbers(round)
      // What is wrong no more was mended; a round that shows only a part of it tells nothing.
      const { found } = round
      if (mayBeOpen && found.length <= FINDINGS_MAX) {
        await findings.clear({ kinds: GROUND_KINDS, found })
        mayBeOpen = found.length > 0
      }
      round = undefined
    },
  }
}

async function roundOf(connection: Connection): Promise<Round> {
  const { size, kept } = await readKept(connection)
  return { size, kept, told: new Map(), found: [], next: 0 }
}

async function mendAll(
  connection: Connection,
  { told }: Round,
  different: readonly NumbersDifference[],
): Promise<void> {
  for (const difference of different) {
    const { source } = difference
    await mendNumbers(connection, difference, told.get(source) ?? { source, ...NOTHING })
  }
}

function keyedIn(added: readonly ToldNumbers[]): number {
  return added.reduce((sum, { entries }) => sum + entries, 0)
}

function knownOf({ kept, told }: Round): (ToldNumbers & Pick<KeptNumbers, 'givenUp'>)[] {
  const givenUp = new Map(kept.map((numbers) => [numbers.source, numbers.givenUp]))
  const sources = new Set([...givenUp.keys(), ...told.keys()])
  return [...sources].map((source) => ({
    source,
    ...(told.get(source) ?? NOTHING),
    givenUp: givenUp.get(source) ?? 'empty',
  }))
}

function sumOf({ told }: Round, added: ToldNumbers): ToldNumbers {
  // The projection gives up, before there are so many, what cannot be told one by one.
  if (added.ranges > 2 * RANGES_MAX) {
    throw new Error(`the numbers of ${added.source} are in too many ranges to be compared`)
  }
  const before = told.get(added.source) ?? NOTHING
  return {
    ...added,
    reused: before.reused + added.reused,
    reusedNumber: before.reusedNumber ?? added.reusedNumber,
    reusedIndex: before.reusedIndex ?? added.reusedIndex,
  }
}

function pairsOf({ kept, told }: Round): { kept: KeptNumbers; told: ToldNumbers }[] {
  const rows = new Map(kept.map((numbers) => [numbers.source, numbers]))
  return [...new Set([...rows.keys(), ...told.keys()])].map((source) => ({
    kept: rows.get(source) ?? { source, seen: '{}', givenUp: 'empty', reused: 0 },
    told: told.get(source) ?? { source, ...NOTHING },
  }))
}

function numbersFinding({ source, extra, lost, kept, told }: NumbersDifference): Finding {
  return {
    kind: 'projection-altered',
    place: `numbers of ${source}`,
    expected: cut(`without ${extra}, with ${lost}, ${told} given twice`),
    found: cut(`with ${extra}, without ${lost}, ${kept} given twice`),
  }
}

function openFindings(different: readonly OpenDifference[]): Finding[] {
  const named = different.slice(0, NAMED_MAX).map(openFinding)
  const more = different.length - named.length
  if (more === 0) return named
  const [expected, found] = ['as the log has them', `${more} more that are not`]
  return [...named, { kind: 'projection-altered', place: 'open intents', expected, found }]
}

function openFinding({ source, id, due, held }: OpenDifference): Finding {
  return {
    kind: 'projection-altered',
    place: `open intent ${source}/${id}`,
    expected: cut(due ?? 'not open'),
    found: cut(held ?? 'no row'),
  }
}

function progressFinding(said: number): Finding {
  return {
    kind: 'projection-altered',
    place: 'progress',
    expected: 'at most the size of the log',
    found: `${said}`,
  }
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 1)}…`
}
