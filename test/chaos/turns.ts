import { eventually } from '@mumega/testkit'
import type { GivenSuite } from './given-suite.ts'
import { holdRows } from './held-rows.ts'
import { freeze, kill, type Victim } from './victims.ts'

/** A part of the run, in which somebody is killed twice. */
export interface Turn {
  /** Who is killed. */
  readonly name: string
  /** Whether a message cannot be accepted without them. */
  readonly isOnTheWay: boolean
  /** Kills them while messages are being sent. Resolves when everybody runs again. */
  readonly inTheMiddle: (suite: GivenSuite) => Promise<void>
  /** Kills them the moment after `sendLast` had its last answer, and resolves as the other. */
  readonly atTheEnd: (suite: GivenSuite, sendLast: () => Promise<void>) => Promise<void>
}

/** The tenant whose agents write to each other, and how many of them write at a time. */
export const TENANT = 'acme'
export const SENDERS = ['ada', 'ben', 'cleo', 'dan']

const LOG_HEAD = 'select from audit_ledger.log_head'
const INBOXES = `select from bridge.inboxes where tenant_id = '${TENANT}'`

/** Every process of the suite but its supervisor, each alone. */
export const SINGLE_TURNS: readonly Turn[] = [
  {
    name: 'audit-ledger',
    isOnTheWay: false,
    // It has taken intents, and its commit of them never comes about.
    async inTheMiddle(suite) {
      const head = await holdRows(suite, LOG_HEAD)
      try {
        await head.waitFor('audit-ledger', 1)
        const restarted = kill(suite, 'audit-ledger')
        await head.cutOff()
        await head.release()
        await restarted
      } finally {
        await head.release()
      }
    },
    // It has taken intents, and does not live to hear that they are committed.
    async atTheEnd(suite, sendLast) {
      const head = await holdRows(suite, LOG_HEAD)
      try {
        await sendLast()
        await head.waitFor('audit-ledger', 1)
        const restarted = kill(suite, 'audit-ledger')
        await head.release()
        await restarted
      } finally {
        await head.release()
      }
    },
  },
  simpleTurn('bridge'),
  simpleTurn('gateway'),
  simpleTurn('NATS'),
  simpleTurn('PostgreSQL'),
]

/** Two at once. */
export const DOUBLE_TURN: Turn = {
  ...simpleTurn('bridge', 'NATS'),
  // The bridge has committed messages that it can neither publish nor answer.
  async inTheMiddle(suite) {
    const inboxes = await holdRows(suite, INBOXES)
    try {
      await inboxes.waitFor('bridge', SENDERS.length)
      freeze(suite, 'NATS')
    } finally {
      await inboxes.release()
    }
    // The gateway takes a second and a half to notice, and the bridge some milliseconds to commit.
    await eventually(async () => !(await fetch(`${suite.url}/readyz`)).ok, {
      what: 'the gateway to notice that NATS hangs',
    })
    await kill(suite, 'bridge', 'NATS')
  },
}

function simpleTurn(...victims: Victim[]): Turn {
  return {
    name: victims.join(' and '),
    isOnTheWay: true,
    inTheMiddle: (suite) => kill(suite, ...victims),
    async atTheEnd(suite, sendLast) {
      await sendLast()
      await kill(suite, ...victims)
    },
  }
}
