import type { SealedEntry } from '@mumega/contracts/audit'
import { brokenUniqueOf, type Connection } from '../connection.ts'
import { EMPTY_CHAIN, type BuildBatch, type EntryBatch, type LogTip } from './entry-batch.ts'
import type { PreparedIntent } from './intent.ts'
import { commitBatch, ERASED_HASH, findKeys, findTakenChains } from './log-repository.ts'
import type { LogState } from './log-state.ts'
import type { SealOutcome, SealRequest } from './seal-request.ts'

/**
 * LOCK-S024-F-2: how often an intent's place may be taken by somebody else before its caller is
 * told.
 */
const ATTEMPTS_MAX = 2

/** One request of a group, and how often its place was taken. */
interface Candidate {
  readonly request: SealRequest
  mayBeKnown: boolean
  collisions: number
}

export interface Group {
  /** Those without an outcome yet. */
  open: Candidate[]
}

export interface SealingTools {
  readonly connection: Connection
  readonly state: LogState
  /** The next of two builders in turn: the bytes of a batch last until the one after the next. */
  readonly build: BuildBatch
  onCollision(): void
  /** Whether nothing more may be sent. */
  isOver(): boolean
}

export function groupOf(requests: readonly SealRequest[]): Group {
  return {
    open: requests.map((request) => ({ request, mayBeKnown: request.mayBeKnown, collisions: 0 })),
  }
}

/**
 * Tries once to seal what is open in the group, in one commit. Whatever has an outcome is settled
 * and leaves the group; the caller tries again while something is open. Returns the batch when one
 * was committed.
 *
 * Throws what the database throws, but for unique violations; then everything stays open, and may
 * have been sealed.
 */
async function tryGroup(tools: SealingTools, group: Group): Promise<EntryBatch | undefined> {
  await settleKnown(tools.connection, group)
  if (group.open.length === 0) return undefined
  const tip = await tools.state.load(new Set(group.open.map(({ request }) => request.intent.chain)))
  const plan = planGroup(tip, group.open)
  const batch = tools.build(
    tip,
    plan.chosen.map(({ request }) => request.intent),
  )
  if (plan.chosen.length > 0) {
    // While the database was asked, sealing may have been halted.
    if (tools.isOver()) return undefined
    const isCommitted = await commitOrCollide(tools, { group, chosen: plan.chosen, tip, batch })
    if (!isCommitted) return undefined
    tools.state.advance(batch)
    tools.state.confirm(batch)
  }
  group.open = []
  plan.settle(batch.sealed)
  return plan.chosen.length > 0 ? batch : undefined
}

/** As `tryGroup()`, with the first `count` of what is open. */
export async function tryFirst(
  tools: SealingTools,
  group: Group,
  count: number,
): Promise<EntryBatch | undefined> {
  const [first, rest] = [{ open: group.open.slice(0, count) }, group.open.slice(count)]
  try {
    return await tryGroup(tools, first)
  } finally {
    group.open = [...first.open, ...rest]
  }
}

/** After a failure whose outcome is unknown: what is open may be in the log already. */
export function distrust(group: Group): void {
  for (const candidate of group.open) candidate.mayBeKnown = true
}

/** Settles a part of the group, which leaves it. */
export function settleWhere(
  group: Group,
  isMeant: (candidate: Candidate) => boolean,
  outcome: SealOutcome | ((candidate: Candidate) => SealOutcome),
): void {
  const meant = new Set(group.open.filter(isMeant))
  group.open = group.open.filter((candidate) => !meant.has(candidate))
  for (const candidate of meant) {
    candidate.request.settle(typeof outcome === 'function' ? outcome(candidate) : outcome)
  }
}

async function settleKnown(connection: Connection, group: Group): Promise<void> {
  const suspects = group.open.filter((candidate) => candidate.mayBeKnown)
  if (suspects.length === 0) return
  const found = await findKeys(
    connection,
    suspects.map(({ request }) => request.intent),
  )
  if (found.length === 0) return
  const known = new Map(found.map((key) => [eventKey(key), key]))
  const outcomeOf = ({ request: { intent } }: Candidate): SealOutcome | undefined => {
    const key = known.get(eventKey(intent))
    if (key === undefined) return undefined
    const { intentHash, ...entry } = key
    // Of what was erased nobody can tell any more whether it is the same.
    const isSame = intentHash === intent.intentHash || intentHash === ERASED_HASH
    if (isSame) return { kind: 'sealed', entry }
    return { kind: 'conflict', sealedHash: intentHash }
  }
  const outcomes = new Map(group.open.map((candidate) => [candidate, outcomeOf(candidate)]))
  group.open = group.open.filter((candidate) => outcomes.get(candidate) === undefined)
  for (const [candidate, outcome] of outcomes) {
    if (outcome !== undefined) candidate.request.settle(outcome)
  }
}

export interface GroupPlan {
  /** What goes into the batch, in order. */
  readonly chosen: readonly Candidate[]
  /** To be called with the committed entries of `chosen`; settles every candidate. */
  settle(sealed: readonly SealedEntry[]): void
}

/**
 * Decides who goes into the batch: not a repetition of one before it, and not one that expects
 * another head.
 */
export function planGroup(tip: LogTip, candidates: readonly Candidate[]): GroupPlan {
  const chosen: Candidate[] = []
  const places = openPlaces()
  const touched = new Set<string>()
  const stale: Candidate[] = []
  const repeated: { candidate: Candidate; place: number }[] = []
  for (const candidate of candidates) {
    const { intent, expectedHead } = candidate.request
    const place = places.find(intent)
    if (place !== undefined) {
      repeated.push({ candidate, place })
      continue
    }
    const head = (tip.chains.get(intent.chain) ?? EMPTY_CHAIN).head
    // An entry of the same batch before it moves the head, too, to one that nobody can have seen.
    if (expectedHead !== undefined && (expectedHead !== head || touched.has(intent.chain))) {
      stale.push(candidate)
      continue
    }
    touched.add(intent.chain)
    places.note(intent, chosen.push(candidate) - 1)
  }
  return {
    chosen,
    settle(sealed) {
      chosen.forEach(({ request }, place) => {
        request.settle(sealedOutcome(sealed, place))
      })
      for (const { candidate, place } of repeated) {
        const first = chosen[place]?.request.intent.intentHash ?? ''
        const isSame = candidate.request.intent.intentHash === first
        candidate.request.settle(
          isSame ? sealedOutcome(sealed, place) : { kind: 'conflict', sealedHash: first },
        )
      }
      for (const { request } of stale) request.settle({ kind: 'stale-head' })
    },
  }
}

function sealedOutcome(sealed: readonly SealedEntry[], place: number): SealOutcome {
  const entry = sealed[place]
  if (entry === undefined) throw new Error('each intent of a batch has an entry')
  return { kind: 'sealed', entry }
}

/** Places by source and id; without a text for both, as there is one for each event. */
function openPlaces() {
  const bySource = new Map<string, Map<string, number>>()
  return {
    find: ({ source, id }: PreparedIntent) => bySource.get(source)?.get(id),
    note({ source, id }: PreparedIntent, place: number): void {
      const byId = bySource.get(source)
      if (byId === undefined) bySource.set(source, new Map([[id, place]]))
      else byId.set(id, place)
    },
  }
}

function eventKey({ source, id }: { source: string; id: string }): string {
  return id + source
}

export interface CommitTry {
  readonly group: Group
  readonly chosen: readonly Candidate[]
  readonly tip: LogTip
  readonly batch: EntryBatch
  /** Whether the batch that it was built on did not arrive. */
  readonly isInVain?: () => Promise<boolean>
}

/**
 * False when somebody else had written: the group is then ready for another try from a fresh head.
 */
export async function commitOrCollide(tools: SealingTools, attempt: CommitTry): Promise<boolean> {
  const { group, chosen, tip, batch, isInVain } = attempt
  let broken: string | undefined
  try {
    if (await commitBatch(tools.connection, tip, batch)) return true
  } catch (error) {
    broken = brokenUniqueOf(error)
    if (broken === undefined) throw error
  }
  // Each try reads the head again and builds every `prev` anew: LOCK-S024-F-2.
  tools.state.forget()
  // Nobody took its place: it had none.
  if ((await isInVain?.()) === true) return false
  const isRepetition = broken === 'event_keys_once' && chosen.some(({ mayBeKnown }) => !mayBeKnown)
  distrust(group)
  if (isRepetition) return false
  tools.onCollision()
  const taken =
    broken === 'event_keys_in_sequence'
      ? await findTakenChains(tools.connection, batch)
      : new Set<string>()
  for (const candidate of chosen) {
    const isTaken = taken.size === 0 || taken.has(candidate.request.intent.chain)
    if (isTaken) candidate.collisions += 1
  }
  settleWhere(
    group,
    ({ collisions }) => collisions >= ATTEMPTS_MAX,
    ({ collisions }) => ({ kind: 'collision', attempts: collisions }),
  )
  return false
}
