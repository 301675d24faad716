import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import { givenSuite, givenTenant, isReady, type Agent, type GivenSuite } from './given-suite.ts'
import { readInbox, type InboxMessage } from './inbox.ts'
import { findBroken, findRepeated } from './log-faults.ts'
import { findUnproved } from './receipts.ts'
import { sendAgain, sendBatch, type Accepted, type Sent } from './sending.ts'
import { openStored, type LoggedEntry, type Stored } from './stored.ts'
import { everythingIsSettled } from './stream.ts'
import { DOUBLE_TURN, SENDERS, SINGLE_TURNS, TENANT, type Turn } from './turns.ts'

// One run of 1,000 messages, and some more for two deaths at once. Each process has its turn to be
// killed, twice: in the middle of its share of the messages, and the moment after the last of them
// was accepted. The texts name the turn, so that a lost or doubled message tells whose it was.
const TURNS = [...SINGLE_TURNS, DOUBLE_TURN]
const TEST_MS_MAX = 300_000
const MESSAGES = 1_000
const RECIPIENTS = ['athena', 'kasra']
const PER_TURN = MESSAGES / SINGLE_TURNS.length
const PER_SENDER = PER_TURN / SENDERS.length
const LAST_PER_SENDER = 5
const BEFORE_KILL = 60
const REFUSED_PER_TURN = PER_TURN / 5

const sentIn = new Map<string, Sent>()
const inboxes = new Map<string, InboxMessage[]>()
let suite: GivenSuite
let senders: Agent[]
let recipients: Agent[]
let stored: Stored
let log: LoggedEntry[]
let unrest: string[]
const endings: (() => Promise<void>)[] = []

beforeAll(async () => {
  suite = await givenSuite()
  endings.push(suite.clear)
  const agents = await givenTenant(suite, TENANT, [...SENDERS, ...RECIPIENTS])
  senders = agents.slice(0, SENDERS.length)
  recipients = agents.slice(SENDERS.length)
  for (const turn of TURNS) await takeTurn(turn)

  stored = await openStored(suite)
  endings.push(stored.close)
  // What does not come to rest is one finding, and what was lost by then are others.
  const ends = await Promise.allSettled([isReady(suite), everythingIsSettled(suite, stored)])
  unrest = ends.flatMap((end) => (end.status === 'rejected' ? [inspect(end.reason)] : []))
  for (const recipient of recipients) {
    inboxes.set(recipient.name, await readInbox(suite, recipient))
  }
  log = await stored.log()
}, TEST_MS_MAX)

afterAll(async () => {
  for (const end of endings.reverse()) await end()
}, TEST_MS_MAX)

async function takeTurn({ name, inTheMiddle, atTheEnd }: Turn): Promise<void> {
  const correspondence = { url: suite.url, senders, recipients }
  const sent: Sent = { accepted: [], refused: [], attempts: 0 }
  const label = labelOf(name)
  const first = sentIn.size * PER_SENDER + 1
  const last = first + PER_SENDER - 1
  const most = { first, last: last - LAST_PER_SENDER, label }
  const rest = { first: most.last + 1, last, label }
  sentIn.set(name, sent)

  await Promise.all([
    sendBatch(correspondence, most, sent),
    inTheMiddleOf(sent).then(() => inTheMiddle(suite)),
  ])
  await atTheEnd(suite, () => sendBatch(correspondence, rest, sent))
}

function labelOf(name: string): string {
  return `around the death of ${name}`
}

async function inTheMiddleOf({ accepted }: Sent): Promise<void> {
  await eventually(async () => accepted.length >= BEFORE_KILL, {
    what: 'enough messages to be accepted before the kill',
    timeoutMs: 60_000,
  })
}

function sentAround(name: string): Sent {
  const sent = sentIn.get(name)
  if (sent === undefined) throw new Error(`${name} had no turn`)
  return sent
}

describe.each(TURNS)('of the messages sent around the death of $name', ({ name, isOnTheWay }) => {
  test('every one is accepted or refused in the end, to a sender that repeats itself', () => {
    const { accepted, refused, attempts } = sentAround(name)

    expect(accepted).toHaveLength(PER_TURN)
    expect(refused).toHaveLength(REFUSED_PER_TURN)
    // Otherwise nobody felt the kill, and the rest proves nothing.
    if (isOnTheWay) expect(attempts).toBeGreaterThan(PER_TURN + REFUSED_PER_TURN)
  })

  test.each(RECIPIENTS)(
    'each accepted one is in the inbox of %s once, in order per sender',
    (recipient) => {
      const inbox = (inboxes.get(recipient) ?? []).filter(({ text }) =>
        text.endsWith(labelOf(name)),
      )
      const mine = sentAround(name).accepted.filter(({ to }) => to === recipient)

      for (const sender of SENDERS) expect(sentBy(sender, inbox)).toEqual(sentBy(sender, mine))
    },
  )

  test('each accepted one is on the ledger once', () => {
    const { accepted } = sentAround(name)
    const ids = new Set(accepted.map(({ messageId }) => messageId))
    const entries = log.filter(({ entry }) => entry.chain === TENANT && ids.has(entry.id))

    expect(entries.map(({ entry }) => entry.id).sort()).toEqual(idsOf(accepted))
  })

  test(
    'each accepted one has a receipt that proves it',
    async () => {
      expect(await findUnproved(suite, senders, sentAround(name).accepted)).toEqual([])
    },
    TEST_MS_MAX,
  )

  test('the last of each sender gets the same answer when it is sent again', async () => {
    for (const message of sentAround(name).accepted.slice(-SENDERS.length)) {
      const again = await sendAgain({ url: suite.url, senders, recipients }, message)

      expect({ ...message, messageId: again }).toEqual(message)
    }
  })
})

describe('after every process was killed twice', () => {
  test.each(RECIPIENTS)('the inbox of %s has no hole and holds nothing else', (recipient) => {
    const inbox = inboxes.get(recipient) ?? []
    const mine = allAccepted().filter(({ to }) => to === recipient)

    expect(inbox.map(({ position }) => position)).toEqual(upTo(mine.length))
    expect(idsOf(inbox)).toEqual(idsOf(mine))
  })

  test('no message is stored that was not accepted', async () => {
    expect(await stored.messageIds(TENANT)).toEqual(idsOf(allAccepted()))
  })

  test('the ledger holds no other message, nothing twice and no hole', async () => {
    const messages = log.filter(({ entry }) => entry.action.startsWith('message.'))

    expect(messages.map(({ entry }) => entry.id).sort()).toEqual(idsOf(allAccepted()))
    expect(findRepeated(log)).toEqual([])
    expect(findBroken(log)).toEqual([])
    for (const numbers of (await stored.intentNumbers()).values()) {
      expect(numbers).toEqual(upTo(numbers.length))
    }
  })

  test('nothing was dropped, contradicted or given up', async () => {
    expect(await stored.mishaps()).toEqual({
      'audit_ledger.audit_chain_drops': 0,
      'audit_ledger.audit_chain_conflicts': 0,
      'bridge.dead_letters': 0,
    })
  })

  test('everything is ready again, and no intent is on its way any more', () => {
    expect(unrest).toEqual([])
  })
})

function allAccepted(): Accepted[] {
  return [...sentIn.values()].flatMap(({ accepted }) => accepted)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, nth) => nth + 1)
}

function idsOf(messages: readonly { messageId: string }[]): string[] {
  return messages.map(({ messageId }) => messageId).sort()
}

function sentBy(sender: string, messages: readonly (Accepted | InboxMessage)[]) {
  return messages
    .filter(({ from }) => from === sender)
    .map(({ messageId, text }) => ({ messageId, text }))
}
