import { isCircle, type Circle, type Scope } from '@mumega/contracts/gateway'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { FastifyRequest } from 'fastify'
import { invalidField, scopeMissing, tenantNotFound, tokenMissing } from './errors.ts'
import type { Token } from './token.ts'

/** Who made a request, as its token proves. */
export interface Session {
  token: Token
  /** Of the secret, to look the token up again while a stream is open. */
  tokenHash: Buffer
}

/** As whom the gateway asks on nobody's behalf. */
export const GATEWAY_CONTEXT: CallContext = {
  tenantId: SUBSTRATE,
  actor: { id: 'service:gateway', kind: 'service' },
}

/** What a caller's token must have: a scope, or nothing but its being live. */
export type Access = Scope | 'any-token'

/** @throws gateway.scope-missing */
export function checkScope({ token }: Session, access: Access): void {
  if (!isGranted(token, access)) throw scopeMissing(access)
}

export function isGranted({ scopes }: Token, access: Access): boolean {
  return access === 'any-token' || scopes.includes(access)
}

/** The session of an authenticated route. @throws gateway.token-missing */
export function sessionOf(request: FastifyRequest): Session {
  if (request.session === undefined) throw tokenMissing()
  return request.session
}

/**
 * The caller acting on `tenantId`, or on its own tenant when none is named. Only operators act on
 * another's; for anybody else another tenant is as absent as one that never was.
 *
 * @throws gateway.tenant-not-found
 */
export function contextOf(session: Session, tenantId?: string): CallContext {
  const { token } = session
  const acting = tenantId ?? token.tenantId
  if (acting !== token.tenantId && token.kind !== 'operator') throw tenantNotFound(acting)
  return {
    tenantId: acting,
    actor:
      token.agent === undefined
        ? { id: operatorId(token), kind: 'human' }
        : { id: `agent:${token.agent}`, kind: 'agent' },
    tokenId: token.tokenId,
  }
}

/**
 * As `contextOf`, for what exists only in a tenant that has agents: an operator must name which.
 */
export function tenantContextOf(session: Session, tenantId?: string): CallContext {
  const context = contextOf(session, tenantId)
  if (context.tenantId === SUBSTRATE) {
    throw invalidField('tenantId', 'must name the tenant on which an operator acts')
  }
  return context
}

/** To which squads, projects and entities the token proves that its holder belongs. */
export function circlesOf({ token }: Session): Circle[] {
  return token.scopes.filter(isCircle)
}

/** Who a request id belongs to: an agent keeps its own when its token is renewed. */
export function principalOf({ token }: Session): string {
  return token.agent === undefined ? operatorId(token) : `${token.tenantId}/agent:${token.agent}`
}

/** An operator is nobody else when it acts by a token that it delegated. */
function operatorId({ rootTokenId }: Token): string {
  return `operator:${rootTokenId}`
}
