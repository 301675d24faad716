import {
  messageRedelivered,
  type listUndelivered,
  type redeliverMessage,
} from '@mumega/contracts/deliveries'
import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { CallContext } from '@mumega/contracts/scalars'
import { act, outgoing, readAs } from '@mumega/db/act'
import type { Bridge } from '../bridge.ts'
import { expiredAlready, invalidCursor, messageNotFound, notADeadLetter } from '../errors.ts'
import { checkTenantOperator } from '../identity.ts'
import { findSender } from '../messages/message-repository.ts'
import { lockBodies } from './body-repository.ts'
import {
  findDeliveryForUpdate,
  listDeadBefore,
  revive,
  type DeadPlace,
} from './delivery-repository.ts'
import { renewLeases } from './lease-repository.ts'
import { settledAs } from './own-delivery.ts'

/** Newest first, without their texts. @throws bridge.operators-only, bridge.invalid-cursor */
export async function handleListUndelivered(
  { db }: Bridge,
  context: CallContext,
  { limit, before }: RequestOf<typeof listUndelivered>,
): Promise<ReplyOf<typeof listUndelivered>> {
  checkTenantOperator(context)
  const { tenantId } = context
  const page = { tenantId, before: placeOf(before), limit: limit + 1 }
  const found = await readAs(db, context, (trx) => listDeadBefore(trx, page))
  const listed = found.slice(0, limit)
  const last = listed.at(-1)
  return {
    messages: listed.map(({ position: _position, sentAt, deadLetteredAt, ...letter }) => ({
      ...letter,
      sentAt: sentAt.toISOString(),
      deadLetteredAt: deadLetteredAt.toISOString(),
    })),
    ...(found.length > limit && last !== undefined ? { next: cursorOf(last) } : {}),
  }
}

/**
 * Puts a dead letter back into its addressee's inbox, at its old place, for every body as if for
 * the first time.
 *
 * @throws bridge.operators-only, bridge.message-not-found, bridge.not-a-dead-letter,
 * bridge.expired-already
 */
export async function handleRedeliverMessage(
  { db, clock }: Bridge,
  context: CallContext,
  { requestId, messageId, to }: RequestOf<typeof redeliverMessage>,
): Promise<ReplyOf<typeof redeliverMessage>> {
  checkTenantOperator(context)
  const { tenantId } = context
  const request = { requestId, command: 'redeliver-message', content: { messageId, to } }
  return act(db, { context, clock, request }, async (trx) => {
    const key = { tenantId, agent: to, messageId }
    // A body that is added meanwhile would begin behind the dead letter, and never be given it.
    await lockBodies(trx, key)
    const delivery = await findDeliveryForUpdate(trx, key)
    if (delivery === undefined) throw messageNotFound(messageId)
    if (settledAs(delivery) !== 'dead-lettered') throw notADeadLetter(messageId)
    const now = clock.now()
    const expiresAt = (await findSender(trx, key))?.expiresAt
    if (expiresAt !== undefined && expiresAt <= now) throw expiredAlready(expiresAt, now)
    const { position } = delivery
    await renewLeases(trx, { ...key, position, now })
    await revive(trx, { ...key, position })
    return {
      reply: { messageId, to, redeliveredAt: now.toISOString() },
      audit: [
        {
          action: 'message.redelivered',
          target: `message:${messageId}`,
          payload: { agent: to, position, reason: delivery.deadLetter?.reason },
        },
      ],
      events: [outgoing(messageRedelivered, { tenantId, agent: to, messageId })],
    }
  })
}

const CURSOR = /^([0-9]{1,15})\.([a-z][a-z0-9-]{0,62})\.([1-9][0-9]{0,14})$/

function cursorOf({ deadLetteredAt, to, position }: DeadPlace): string {
  return `${deadLetteredAt.getTime()}.${to}.${position}`
}

function placeOf(cursor: string | undefined): DeadPlace | undefined {
  if (cursor === undefined) return undefined
  const [, at, to, position] = CURSOR.exec(cursor) ?? []
  if (at === undefined || to === undefined || position === undefined) throw invalidCursor()
  const deadLetteredAt = new Date(Number(at))
  if (Number.isNaN(deadLetteredAt.getTime())) throw invalidCursor()
  return { deadLetteredAt, to, position: Number(position) }
}
