import { Type } from 'typebox'
import { defineEvent, defineRequest } from './define.ts'
import { ServiceName, Timestamp, Uuid } from './scalars.ts'

/** A consumer gave a message up: after its last delivery, or at once when the bytes cannot be read. */
export function deadLettered(service: string) {
  return defineEvent({
    subject: `evt.${service}.v1.dead-lettered`,
    payload: Type.Object({
      deadLetterId: Uuid,
      service: ServiceName,
      consumer: Type.String({ maxLength: 100 }),
      subject: Type.String({ maxLength: 300 }),
      headers: Type.Record(Type.String(), Type.String()),
      /** The message's bytes. */
      body: Type.String({ description: 'base64' }),
      reason: Type.String({ maxLength: 1_000 }),
      deliveries: Type.Integer({ minimum: 1 }),
      occurredAt: Timestamp,
    }),
  })
}

/** Runs a consumer's handler on the bytes of a dead letter, in the service that owns the consumer. */
export function retryDeadLetter(service: string) {
  return defineRequest({
    subject: `rpc.${service}.v1.retry-dead-letter`,
    request: Type.Object({
      consumer: Type.String({ maxLength: 100 }),
      subject: Type.String({ maxLength: 300 }),
      headers: Type.Record(Type.String(), Type.String()),
      body: Type.String({ description: 'base64' }),
    }),
    reply: Type.Object({}),
    errors: ['bus.consumer-not-found', 'bus.retry-failed'],
    timeoutMs: 8_000,
  })
}
