import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Bus } from '@mumega/bus'
import { authenticateToken } from '@mumega/contracts/gateway'
import { AppError } from '@mumega/errors'

/** Takes the gateway's place where tokens are asked for. */
export interface TokenDesk {
  /** A token of an agent's, or of an operator's without one; its secret. */
  issue(token: { tenantId?: string; agent?: string; refusal?: string }): string
  /** Until it is called again, nobody can be authenticated. */
  close(): void
  open(): void
  /** So many are asked for from now on; what comes then waits for the next call. */
  hangAfter(asked: number): void
  readonly asked: number
}

interface Issued {
  tenantId: string
  agent?: string
  refusal?: string
}

export function openTokenDesk(gateway: Bus): TokenDesk {
  const issued = new Map<string, Issued & { tokenId: string }>()
  let isClosed = false
  let asked = 0
  let hangsAt = Infinity
  const hanging: (() => void)[] = []
  gateway.serve(authenticateToken, async ({ tokenSha256, scope }) => {
    asked += 1
    if (asked > hangsAt) await new Promise<void>((resolve) => hanging.push(resolve))
    if (isClosed) throw new AppError('gateway.cannot-authenticate', 'unavailable', 'Closed.')
    const token = issued.get(tokenSha256)
    if (token === undefined || scope !== 'messages:send') {
      throw new AppError('gateway.token-unknown', 'unauthenticated', 'Never issued.')
    }
    const { refusal, ...reply } = token
    if (refusal !== undefined) throw new AppError(refusal, 'unauthenticated', 'Refused.')
    return {
      ...reply,
      kind: reply.agent === undefined ? ('operator' as const) : ('agent' as const),
    }
  })
  return {
    issue({ tenantId = 'acme', ...token }) {
      const secret = `mmg_agent_${randomBytes(32).toString('base64url')}`
      const hash = createHash('sha256').update(secret).digest('hex')
      issued.set(hash, { tokenId: randomUUID(), tenantId, ...token })
      return secret
    },
    close() {
      isClosed = true
    },
    open() {
      isClosed = false
    },
    hangAfter(more) {
      hangsAt = asked + more
      for (const resolve of hanging.splice(0)) resolve()
    },
    get asked() {
      return asked
    },
  }
}
