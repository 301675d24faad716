import { AppError } from '@mumega/errors'

export interface FairQueueOptions {
  /** Pieces of work at once: as many as there are connections. */
  runningMax: number
  /** Of these, at most so many for one key. */
  perKeyMax: number
  /** Waiting pieces of all keys; one more is refused at once. */
  waitingMax: number
  /** A piece that has waited this long, in real milliseconds, is refused. */
  waitMs: number
}

export interface FairQueue {
  /** Runs `work` when it is its key's turn. @throws db.busy, with `work` never started. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>
}

type Waiter = () => void

interface Lane {
  running: number
  waiting: Waiter[]
}

/**
 * Shares the connections of a pool among tenants: one that sends a thousand requests at once waits
 * behind itself and not before the others, since tenants take turns and none holds more than its
 * share.
 */
export function openFairQueue(options: FairQueueOptions): FairQueue {
  // In the order of turns: a lane that was served goes to the end.
  const lanes = new Map<string, Lane>()
  let running = 0
  let waiting = 0

  function hasRoom(lane: Lane): boolean {
    return running < options.runningMax && lane.running < options.perKeyMax
  }

  function begin(key: string, lane: Lane): void {
    running += 1
    lane.running += 1
    toTheEnd(key, lane)
  }

  function toTheEnd(key: string, lane: Lane): void {
    lanes.delete(key)
    if (!isIdle(lane)) lanes.set(key, lane)
  }

  function startNext(): void {
    for (const [key, lane] of lanes) {
      const waiter = hasRoom(lane) ? lane.waiting.shift() : undefined
      if (waiter === undefined) continue
      begin(key, lane)
      waiter()
      return
    }
  }

  function enter(key: string, lane: Lane): Promise<void> {
    if (hasRoom(lane)) {
      begin(key, lane)
      return Promise.resolve()
    }
    if (waiting >= options.waitingMax) return Promise.reject(busy())
    waiting += 1
    return new Promise((resolve, reject) => {
      const waiter: Waiter = () => {
        clearTimeout(timer)
        waiting -= 1
        resolve()
      }
      const timer = setTimeout(() => {
        waiting -= 1
        lane.waiting.splice(lane.waiting.indexOf(waiter), 1)
        if (isIdle(lane)) lanes.delete(key)
        reject(busy())
      }, options.waitMs)
      lane.waiting.push(waiter)
      lanes.set(key, lane)
    })
  }

  return {
    async run(key, work) {
      const lane = lanes.get(key) ?? { running: 0, waiting: [] }
      await enter(key, lane)
      try {
        return await work()
      } finally {
        running -= 1
        lane.running -= 1
        toTheEnd(key, lane)
        startNext()
      }
    },
  }
}

function isIdle(lane: Lane): boolean {
  return lane.running === 0 && lane.waiting.length === 0
}

function busy(): AppError {
  return new AppError(
    'db.busy',
    'unavailable',
    'Too many requests of this tenant wait for the database; nothing was done. Try again later.',
  )
}
