import type { Bus } from '@mumega/bus'
import type { AuditIntent } from '@mumega/contracts/audit'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  givenLedger,
  healthOfLedger,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'

/** What is missing is overdue at once. */
export const QUICK = { LEDGER_GAP_MS: 200, LEDGER_OUTCOME_MS: 300 }
export const PAST = '2020-01-01T00:00:00.000Z'

/** A ledger that is watched with little patience, and a producer. */
export interface WatchedLedger {
  readonly ledger: TestLedger
  readonly bridge: Bus
}

export async function givenWatched(
  settings: Partial<TestLedger['config']> = QUICK,
): Promise<WatchedLedger> {
  const ledger = await givenLedger({ settings })
  return { ledger, bridge: await ledger.bus('bridge') }
}

export function numbered(...numbers: number[]): AuditIntent[] {
  return numbers.map((number) => anIntent({ number }))
}

/** Publishes them one after the other, so that each is in the log before the next is sent. */
export async function sealInTurn(
  { ledger, bridge }: WatchedLedger,
  intents: readonly AuditIntent[],
): Promise<void> {
  const [row] = await ledger.sql<{ size: string }>('select size from log_head')
  let size = Number(row?.size)
  for (const intent of intents) {
    await publishIntents(bridge, [intent])
    await untilSealed(ledger, ++size)
  }
}

/** Waits until health says so: it tells of a look when all of it is on record. */
export async function untilFigure(
  { bridge }: WatchedLedger,
  name: string,
  value: number,
): Promise<void> {
  await eventually(async () => (await healthOfLedger(bridge)).figures[name] === value, {
    what: `${name} to be ${value}`,
  })
}

export interface Found {
  kind: string
  place: string
  expected: string
  found: string
}

/** The open findings, once they are as many. */
export async function untilOpen({ ledger }: WatchedLedger, count: number): Promise<Found[]> {
  return eventually(
    async () => {
      const open = await ledger.sql<Found>(
        `select kind, place, expected, found from audit_findings
          where cleared_at is null order by occurred_at, finding_id`,
      )
      return open.length === count && open
    },
    { what: `${count} open findings` },
  )
}
