import type { Socket } from 'node:net'
import { listInbox } from '@mumega/contracts/bridge'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import { receiveMessages } from '@mumega/contracts/deliveries'
import type { Gateway } from './app.ts'
import { realMsUntil } from './inbox-source.ts'
import { contextOf, type Session } from './session.ts'
import { waitForMail } from './wait-for-mail.ts'

/** Who reads, and for how long they would wait. */
export interface MailReader {
  session: Session
  /** Of the request. */
  socket: Socket
  waitSeconds: number | undefined
}

/** A page of the reader's inbox after a position. @throws as `waitForMail` and `listInbox` do */
export async function listMail(
  gateway: Gateway,
  reader: MailReader,
  query: RequestOf<typeof listInbox>,
): Promise<ReplyOf<typeof listInbox> | undefined> {
  const context = contextOf(reader.session)
  return waitForMail(gateway, waitOf(reader), async () => {
    const found = await gateway.bus.request(listInbox, query, { context })
    return { found, isEmpty: found.messages.length === 0 }
  })
}

/** What one body of the reader gets next. @throws as `waitForMail` and `receiveMessages` do */
export async function receiveMail(
  gateway: Gateway,
  reader: MailReader,
  claim: RequestOf<typeof receiveMessages>,
): Promise<ReplyOf<typeof receiveMessages> | undefined> {
  const context = contextOf(reader.session)
  return waitForMail(gateway, waitOf(reader), async () => {
    const found = await gateway.bus.request(receiveMessages, claim, { context })
    const { messages, nextLeaseEndsAt: endsAt } = found
    const comesInMs = endsAt === undefined ? Infinity : realMsUntil(gateway, endsAt)
    return { found, isEmpty: messages.length === 0, comesInMs }
  })
}

function waitOf({ session, socket, waitSeconds = 0 }: MailReader) {
  return { session, socket, waitMs: waitSeconds * 1_000 }
}
