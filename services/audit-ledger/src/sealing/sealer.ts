import type { SealedEntry } from '@mumega/contracts/audit'
import type { Frontier } from '@mumega/tlog/merkle'
import { logger } from '@mumega/telemetry'
import type { Connection } from '../connection.ts'
import { openBatchBuilder } from './entry-batch.ts'
import type { PreparedIntent } from './intent.ts'
import { LogSetBack, openLogState } from './log-state.ts'
import { distrust, groupOf, settleWhere, tryGroup, type Group } from './seal-group.ts'
import type { SealRequest } from './seal-request.ts'

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
  /** Of the leadership under which it was committed. */
  epoch(): number
  /** Reads the head until it succeeds once, within the bound of one statement. Throws what the database throws. */
  load(): Promise<void>
  /** Seals nothing more until the process is restarted. */
  halt(reason: string): void
  /** Why nothing is sealed now, halted or for a while; undefined when all is well. */
  trouble(): string | undefined
  isHalted(): boolean
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

export const GROUP_ENTRIES_MAX = 2_048
const GROUP_BYTES_MAX = 4 * 1_048_576
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2_000

/** Starts sealing what is submitted, in groups, one commit after the other. */
export function startSealer(connection: Connection): Sealer {
  const log = logger('audit-ledger')
  const state = openLogState(connection)
  const listeners: ((growth: Growth) => void)[] = []
  let queue: SealRequest[] = []
  let collisions = 0
  let haltReason: string | undefined
  let lastFailure: string | undefined
  let isStopping = false
  let wake: () => void = () => undefined
  const tools = {
    connection,
    state,
    build: openBatchBuilder(),
    onCollision: () => void (collisions += 1),
  }

  function tell(growth: Growth): void {
    for (const listener of listeners) listener(growth)
  }

  function halt(reason: string): void {
    if (haltReason !== undefined) return
    haltReason = reason
    log.fatal({ reason }, 'sealing-halted')
    wake()
  }

  function refusal() {
    return { kind: 'not-sealing', reason: haltReason ?? lastFailure ?? 'it is stopping' } as const
  }

  async function sealGroup(group: Group): Promise<void> {
    for (let failures = 0; group.open.length > 0;) {
      if (haltReason !== undefined || isStopping) {
        settleWhere(group, () => true, refusal())
        return
      }
      const before = state.committed()?.size
      try {
        const batch = await tryGroup(tools, group)
        lastFailure = undefined
        if (batch !== undefined) {
          tell({ frontier: batch.frontier, sealed: batch.sealed, intents: batch.intents })
        } else if (state.committed()?.size !== before) {
          tellFound()
        }
      } catch (error) {
        failures += 1
        await onFailure(error, group, failures)
      }
    }
  }

  function tellFound(): void {
    const frontier = state.committed()
    if (frontier !== undefined) tell({ frontier })
  }

  async function onFailure(error: unknown, group: Group, failures: number): Promise<void> {
    state.forget()
    distrust(group)
    if (error instanceof LogSetBack) {
      halt(error.message)
      return
    }
    lastFailure = 'the database does not take the commit'
    log.error({ error, open: group.open.length, failures }, 'commit-failed')
    await pause(Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, 10)))
    const nowMs = performance.now()
    settleWhere(group, ({ request }) => (request.deadlineMs ?? Infinity) <= nowMs, refusal())
  }

  async function run(): Promise<void> {
    while (!isStopping || queue.length > 0) {
      const requests = takeGroup()
      if (requests.length > 0) await sealGroup(groupOf(requests))
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  function takeGroup(): SealRequest[] {
    let bytes = 0
    let count = 0
    for (const { intent } of queue) {
      bytes += intent.material.length
      if (count === GROUP_ENTRIES_MAX || (count > 0 && bytes > GROUP_BYTES_MAX)) break
      count += 1
    }
    const taken = queue.slice(0, count)
    queue = queue.slice(count)
    return taken
  }

  const running = run()

  return {
    submit(request) {
      if (isStopping) {
        request.settle(refusal())
        return
      }
      queue.push(request)
      wake()
    },
    onGrowth(listener) {
      listeners.push(listener)
    },
    committed: () => state.committed(),
    epoch: () => state.epoch(),
    async load() {
      await state.load(new Set())
      tellFound()
    },
    halt,
    trouble: () => haltReason ?? lastFailure,
    isHalted: () => haltReason !== undefined,
    figures: () => ({
      waiting: queue.length,
      collisions,
      lagMs: queue[0] === undefined ? 0 : performance.now() - queue[0].submittedMs,
    }),
    async stop() {
      isStopping = true
      wake()
      await running
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
