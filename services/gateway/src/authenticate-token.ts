import type { ReplyOf, RequestOf } from '@mumega/contracts/define'
import type { authenticateToken } from '@mumega/contracts/gateway'
import { readLiveToken, type Authentication } from './authentication.ts'
import { checkScope } from './session.ts'

/**
 * Whose a token is, for another door of the system. It is read anew each time, as HTTP reads it: a
 * revocation holds from the next message on.
 *
 * @throws gateway.token-unknown, .token-expired, .token-revoked, .scope-missing,
 * .cannot-authenticate
 */
export async function handleAuthenticateToken(
  authentication: Authentication,
  { tokenSha256, scope }: RequestOf<typeof authenticateToken>,
): Promise<ReplyOf<typeof authenticateToken>> {
  const tokenHash = Buffer.from(tokenSha256, 'hex')
  const token = await readLiveToken(authentication, tokenHash)
  checkScope({ token, tokenHash }, scope)
  const { tokenId, kind, tenantId, agent } = token
  return { tokenId, kind, tenantId, ...(agent === undefined ? {} : { agent }) }
}
