import { Type } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { Cursor, ServiceName, Timestamp, Uuid, mapOf } from './scalars.ts'

/**
 * A consumer gave a message up: after its last delivery, or at once when the bytes cannot be read.
 */
export function deadLettered(service: string) {
  return defineEvent({
    subject: `evt.${service}.v1.dead-lettered`,
    payload: Type.Object({
      deadLetterId: Uuid,
      service: ServiceName,
      consumer: Type.String({ maxLength: 100 }),
      subject: Type.String({ maxLength: 300 }),
      headers: mapOf(Type.String()),
      /** The message's bytes. */
      body: Type.String({ description: 'base64' }),
      reason: Type.String({ maxLength: 1_000 }),
      deliveries: Type.Integer({ minimum: 1 }),
      occurredAt: Timestamp,
    }),
  })
}

/**
 * Runs a consumer's handler on the bytes of a dead letter, in the service that owns the consumer.
 */
export function retryDeadLetter(service: string) {
  return defineRequest({
    subject: `rpc.${service}.v1.retry-dead-letter`,
    request: Type.Object({
      consumer: Type.String({ maxLength: 100 }),
      subject: Type.String({ maxLength: 300 }),
      headers: mapOf(Type.String()),
      body: Type.String({ description: 'base64' }),
    }),
    reply: Type.Object({}),
    errors: ['bus.consumer-not-found', 'bus.retry-failed'],
    timeoutMs: 8_000,
  })
}

/** Dead letters of every consumer, newest first. For the operators' own tenant only. */
export const listDeadLetters = defineRequest({
  subject: 'rpc.bridge.v1.list-dead-letters',
  request: Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 200 }),
    /** The `next` of the page before. */
    before: Type.Optional(Cursor),
  }),
  reply: Type.Object({
    deadLetters: Type.Array(
      Type.Object({
        deadLetterId: Uuid,
        service: ServiceName,
        consumer: Type.String(),
        subject: Type.String(),
        reason: Type.String(),
        deliveries: Type.Integer({ minimum: 1 }),
        occurredAt: Timestamp,
        /** When its consumer last took it after all. */
        replayedAt: Type.Optional(Timestamp),
      }),
    ),
    next: Type.Optional(Cursor),
  }),
  errors: ['bridge.operators-only', 'bridge.invalid-cursor'],
  timeoutMs: 2_000,
})

/**
 * Hands a dead letter to its consumer's handler once more. The decision is on the ledger before the
 * handler runs, and its outcome after. The same `requestId` again answers with what came of the
 * first.
 */
export const replayDeadLetter = defineRequest({
  subject: 'rpc.bridge.v1.replay-dead-letter',
  request: Type.Object({ requestId: Uuid, deadLetterId: Uuid }),
  reply: Type.Object({ deadLetterId: Uuid, replayedAt: Timestamp }),
  errors: ['bridge.operators-only', 'bridge.dead-letter-not-found', 'bridge.replay-failed'],
  timeoutMs: 15_000,
})
