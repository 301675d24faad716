import { v7 as uuidv7 } from 'uuid'
import { act, outgoing } from '@mumega/db/act'
import { tokenCreated, type RateClass, type Scope } from '@mumega/contracts/gateway'
import type { CallContext } from '@mumega/contracts/scalars'
import { checkActingToken } from './acting-token.ts'
import type { Authentication } from './authentication.ts'
import { tokenAlreadyShown } from './errors.ts'
import { insertToken } from './token-repository.ts'
import {
  expiryOf,
  hashOf,
  newSecret,
  RATE_CLASS_DEFAULT,
  rootToken,
  type Token,
  type TokenKind,
} from './token.ts'

export interface CreateToken {
  /** Its tenant is the token's, and its chain the one that records it. */
  context: CallContext
  requestId: string
  kind: TokenKind
  agent: string | undefined
  scopes: Scope[]
  rateClass: RateClass
  expiresInDays: number
  /** Of whoever asks; absent where nobody's token makes it. */
  maker?: Pick<Token, 'depth' | 'expiresAt'>
}

export interface CreatedToken {
  token: Token
  /** Known to nobody else, and to us only now. */
  secret: string
}

/**
 * Makes a token, once per `requestId`. Only its hash is stored, so a repeated request cannot get
 * the secret again.
 *
 * @throws gateway.token-already-shown when this request was made before, and as `checkActingToken`
 */
export async function createToken(
  { db, clock }: Authentication,
  order: CreateToken,
): Promise<CreatedToken> {
  const { context, requestId, kind, agent, scopes, rateClass, expiresInDays, maker } = order
  const secret = newSecret(kind)
  const createdAt = clock.now()
  const token = rootToken({
    tokenId: uuidv7(),
    kind,
    tenantId: context.tenantId,
    agent,
    scopes,
    rateClass,
    createdAt,
    expiresAt: endOf(expiryOf(createdAt, expiresInDays), maker),
  })
  // The usual class is left out: requests of before there were classes are still the same.
  const unusual = rateClass === RATE_CLASS_DEFAULT[kind] ? {} : { rateClass }
  const content = { kind, agent: agent ?? null, scopes, expiresInDays, ...unusual }
  const request = { requestId, command: 'create-token', content }
  const made = await act(db, { context, clock, request }, async (trx) => {
    await checkActingToken(trx, context, clock)
    await insertToken(trx, token, hashOf(secret))
    return {
      reply: { tokenId: token.tokenId },
      audit: [recordOf('token.created', token)],
      events: [outgoing(tokenCreated, { tokenId: token.tokenId, tenantId: token.tenantId, kind })],
    }
  })
  if (made.tokenId !== token.tokenId) throw tokenAlreadyShown(made.tokenId)
  return { token, secret }
}

/** What a delegated token makes lives no longer than it does. */
function endOf(asked: Date, maker: CreateToken['maker']): Date {
  const isBound = maker !== undefined && maker.depth > 1 && maker.expiresAt < asked
  return isBound ? maker.expiresAt : asked
}

/** What the ledger is told of a new token: never its secret, nor the hash. */
export function recordOf(action: 'token.created' | 'token.delegated', token: Token) {
  return {
    action,
    target: `token:${token.tokenId}`,
    payload: {
      tokenId: token.tokenId,
      kind: token.kind,
      tenantId: token.tenantId,
      ...(token.agent === undefined ? {} : { agent: token.agent }),
      scopes: token.scopes,
      rateClass: token.rateClass,
      ...(token.parentTokenId === undefined ? {} : { parentTokenId: token.parentTokenId }),
      depth: token.depth,
      expiresAt: token.expiresAt.toISOString(),
    },
  }
}
