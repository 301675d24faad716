import { setTimeout as pause } from 'node:timers/promises'
import type { SealedEntry } from '@mumega/contracts/audit'
import { logger } from '@mumega/telemetry'
import type { Frontier } from '@mumega/tlog/merkle'
import type { Connection } from '../connection.ts'
import { openBuildersInTurn } from './entry-batch.ts'
import { FinalFailure } from './final-failure.ts'
import { openHalting } from './halting.ts'
import { isPlain, launch, type Flight } from './flight.ts'
import type { PreparedIntent } from './intent.ts'
import { openLogState } from './log-state.ts'
import { openParts } from './parts.ts'
import {
  distrust,
  groupOf,
  settleWhere,
  tryFirst,
  type Group,
  type SealingTools,
} from './seal-group.ts'
import { openSealQueue, type SealQueue } from './seal-queue.ts'
import type { SealOutcome, SealRequest } from './seal-request.ts'

/** What one commit added to the log. */
export interface Growth {
  /** Of the committed log. */
  readonly frontier: Frontier
  /** The entries of the commit; absent when they were found in the database instead. */
  readonly sealed?: readonly SealedEntry[]
  readonly intents?: readonly PreparedIntent[]
}

/** The one place that gives entries their sequences: LOCK-MON-3. */
export interface Sealer {
  /** Takes its turn in the next group commit. The callers bound how much waits. */
  submit(request: SealRequest): void
  /** Called after each commit, and when more was found committed than was known. */
  onGrowth(listener: (growth: Growth) => void): void
  /** The committed log as this process knows it; undefined before it was read. */
  committed(): Frontier | undefined
  /** The leadership under which everything is committed. */
  readonly epoch: number
  /** Reads the head, within the bound of one statement. Throws what the database throws. */
  load(): Promise<void>
  /** Seals nothing more. What waits is settled as `not-sealing`. */
  halt(cause: Error): void
  isHalted(): boolean
  /** Resolves when it was found that another ledger leads. */
  readonly overtaken: Promise<void>
  /** Why nothing is sealed now, halted or for a while; undefined when all is well. */
  trouble(): string | undefined
  figures(): SealerFigures
  /** Ends after the group that is being committed. What waits is settled as `not-sealing`. */
  stop(): Promise<void>
}

export interface SealerFigures {
  waiting: number
  collisions: number
  /** Milliseconds that the oldest waiting request has waited. */
  lagMs: number
}

const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2_000
const DOUBLINGS_MAX = 10

interface Status {
  haltReason: string | undefined
  lastFailure: string | undefined
  isStopping: boolean
  collisions: number
  /** The committed size that was told of last. */
  toldSize: number | undefined
}

interface Sealing {
  readonly queue: SealQueue
  readonly tools: SealingTools
  readonly status: Status
  readonly log: ReturnType<typeof logger>
  tell(growth: Growth): void
  halt(cause: Error): void
}

/**
 * Starts sealing what is submitted, in groups, one commit after the other. While one is committed,
 * the next is built and sent behind it, once enough waits to fill it.
 */
export function startSealer(connection: Connection, epoch: number): Sealer {
  const log = logger('audit-ledger')
  const state = openLogState(connection, epoch)
  const queue = openSealQueue()
  const listeners: ((growth: Growth) => void)[] = []
  const status: Status = {
    haltReason: undefined,
    lastFailure: undefined,
    isStopping: false,
    collisions: 0,
    toldSize: undefined,
  }
  const halting = openHalting(epoch)
  const onCollision = () => void (status.collisions += 1)
  const sealing: Sealing = {
    queue,
    tools: {
      connection,
      state,
      build: openBuildersInTurn(),
      onCollision,
      isOver: () => isOver(status),
    },
    status,
    log,
    tell(growth) {
      status.toldSize = growth.frontier.size
      for (const listener of listeners) listener(growth)
    },
    halt(cause) {
      if (status.haltReason !== undefined) return
      status.haltReason = cause.message
      halting.announce(cause)
      // Who waits for growth has to look again, too.
      const frontier = state.committed()
      if (frontier !== undefined) sealing.tell({ frontier })
    },
  }

  const running = sealAll(sealing)

  return {
    submit(request) {
      if (status.isStopping) request.settle(refusal(status))
      else queue.push(request)
    },
    onGrowth: (listener) => void listeners.push(listener),
    committed: () => state.committed(),
    epoch,
    overtaken: halting.overtaken,
    async load() {
      status.toldSize = (await state.load(new Set())).frontier.size
    },
    halt: (cause) => {
      sealing.halt(cause)
    },
    isHalted: () => status.haltReason !== undefined,
    trouble: () => status.haltReason ?? status.lastFailure,
    figures: () => ({
      waiting: queue.count(),
      collisions: status.collisions,
      lagMs: queue.lagMs(),
    }),
    async stop() {
      status.isStopping = true
      queue.wake()
      await running
    },
  }
}

/** Until it is stopped and nothing waits. */
async function sealAll(sealing: Sealing): Promise<void> {
  const { queue, tools, status } = sealing
  let flight: Flight | undefined
  while (!status.isStopping || queue.count() > 0 || flight !== undefined) {
    if (flight !== undefined) flight = await sealBehind(sealing, flight)
    else if (queue.count() > 0) flight = await sealNext(sealing)
    else if (status.haltReason === undefined && !tools.state.isCurrent()) await catchUp(sealing)
    else await queue.untilWoken()
  }
}

/** Seals the next group, or launches it and leaves its landing to the caller. */
async function sealNext(sealing: Sealing): Promise<Flight | undefined> {
  const { queue, tools } = sealing
  const group = groupOf(queue.takeGroup())
  if (isPlain(tools, group)) return launch(tools, group)
  await sealGroup(sealing, group)
  return undefined
}

/** Lands `before`; returns the flight behind it, launched meanwhile if enough waited. */
async function sealBehind(sealing: Sealing, before: Flight): Promise<Flight | undefined> {
  const { queue, tools } = sealing
  const landed = await Promise.race([before.landing, queue.untilFull()])
  // Nothing can follow a batch that did not arrive: the tip does not stand behind it.
  const mayFollow = landed === undefined || landed.kind === 'committed'
  const group = mayFollow && queue.isFull() ? groupOf(queue.takeGroup()) : undefined
  const isReady = group !== undefined && isPlain(tools, group)
  const next = isReady ? launch(tools, group, before) : undefined
  await land(sealing, before, next)
  if (group !== undefined && next === undefined) await sealGroup(sealing, group)
  return next
}

/**
 * Waits for the flight's commit; what did not succeed is tried until it has its outcome, once
 * `next`, which was sent behind it, is on its way no more.
 */
async function land(sealing: Sealing, flight: Flight, next?: Flight): Promise<void> {
  const { group, plan, batch, landing } = flight
  const { tools, status, tell } = sealing
  const landed = await landing
  if (landed.kind === 'committed') {
    tools.state.confirm(batch)
    status.lastFailure = undefined
    group.open = []
    plan.settle(batch.sealed)
    tell({ frontier: batch.frontier, sealed: batch.sealed, intents: batch.intents })
    return
  }
  await next?.landing
  // The tip stands where this batch would have led.
  tools.state.forget()
  if (landed.kind === 'failed') {
    await onFailure(sealing, group, { error: landed.error, failures: 1 })
  }
  await sealGroup(sealing, group)
}

/** Tries until all of the group has its outcome: after failures in parts, with longer pauses. */
async function sealGroup(sealing: Sealing, group: Group): Promise<void> {
  const { tools, status } = sealing
  const parts = openParts(group.open.length)
  for (let failures = 0; group.open.length > 0;) {
    if (isOver(status)) {
      settleWhere(group, () => true, refusal(status))
      return
    }
    try {
      const batch = await tryFirst(tools, group, parts.atOnceMax())
      parts.onPassed()
      failures = 0
      status.lastFailure = undefined
      if (batch !== undefined) {
        sealing.tell({ frontier: batch.frontier, sealed: batch.sealed, intents: batch.intents })
      } else {
        tellFound(sealing)
      }
    } catch (error) {
      failures += 1
      parts.onFailure()
      await onFailure(sealing, group, { error, failures })
    }
  }
}

/**
 * After a commit whose outcome is unknown, with nothing left to seal: what it added is signed and
 * announced now.
 */
async function catchUp(sealing: Sealing): Promise<void> {
  const { state } = sealing.tools
  const nothing = groupOf([])
  for (let failures = 0; !state.isCurrent() && !isOver(sealing.status);) {
    try {
      await state.load(new Set())
      sealing.status.lastFailure = undefined
      tellFound(sealing)
    } catch (error) {
      failures += 1
      await onFailure(sealing, nothing, { error, failures })
    }
  }
}

function isOver({ haltReason, isStopping }: Status): boolean {
  return haltReason !== undefined || isStopping
}

/** Tells of entries that were found in the database, if there are any. */
function tellFound({ tools, status, tell }: Sealing): void {
  const frontier = tools.state.committed()
  if (frontier !== undefined && frontier.size !== status.toldSize) tell({ frontier })
}

async function onFailure(
  { tools, status, log, halt }: Sealing,
  group: Group,
  { error, failures }: { error: unknown; failures: number },
): Promise<void> {
  // Whether the commit succeeded is not known: the head is read again, and each intent is looked
  // for.
  tools.state.forget()
  distrust(group)
  if (error instanceof FinalFailure) {
    halt(error)
    return
  }
  status.lastFailure = 'the database does not take the commit'
  log.error({ error, open: group.open.length, failures }, 'commit-failed')
  await pause(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, DOUBLINGS_MAX)))
  const nowMs = performance.now()
  settleWhere(group, ({ request }) => (request.deadlineMs ?? Infinity) <= nowMs, refusal(status))
}

function refusal({ haltReason, lastFailure }: Status): SealOutcome {
  return { kind: 'not-sealing', reason: haltReason ?? lastFailure ?? 'it is stopping' }
}
