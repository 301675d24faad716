import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { v7 as uuidv7 } from 'uuid'
import { principalOf, sessionOf, type Session } from './session.ts'

/**
 * The id under which a service makes this request once: the same for the same `Idempotency-Key` of
 * the same principal, else a fresh one. A UUID of version 8 (RFC 9562 §5.8), made of 122 bits of
 * SHA-256.
 */
export function requestIdOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key']
  return requestIdBy(sessionOf(request), typeof key === 'string' ? key : undefined)
}

/** As `requestIdOf`, for a key that came another way: it is the same request whichever way. */
export function requestIdBy(session: Session, key: string | undefined): string {
  return key === undefined ? uuidv7() : uuidOf(`${principalOf(session)}\n${key}`)
}

/** Under which id a request is made once, and whether the caller chose it by a key. */
export interface RequestIdentity {
  readonly requestId: string
  readonly isKeyed: boolean
}

/** As `requestIdBy`, for what is also refused where the key was used for something else. */
export function identityBy(session: Session, key: string | undefined): RequestIdentity {
  return { requestId: requestIdBy(session, key), isKeyed: key !== undefined }
}

/** Whether the caller chose the id, so that another request of theirs may have it too. */
export function isKeyed(request: FastifyRequest): boolean {
  return typeof request.headers['idempotency-key'] === 'string'
}

/** The id of one step of a request that takes several. */
export function stepId(requestId: string, step: string): string {
  return uuidOf(`${requestId}\n${step}`)
}

function uuidOf(text: string): string {
  const hash = createHash('sha256').update(text).digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex', 0, 16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
