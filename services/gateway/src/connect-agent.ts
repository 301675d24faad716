import { Type, type Static } from 'typebox'
import type { Scope } from '@mumega/contracts/gateway'
import type { FastifyRequest } from 'fastify'
import { invalidField } from './errors.ts'

/** What a new agent's client needs, ready to be pasted. Holds the secret. */
export const Connection = Type.Object({
  mcpUrl: Type.String(),
  claudeCode: Type.Object(
    {
      mcpServers: Type.Object({
        mumega: Type.Object({
          type: Type.Literal('http'),
          url: Type.String(),
          headers: Type.Object({ Authorization: Type.String() }),
        }),
      }),
    },
    { description: 'A `.mcp.json` of Claude Code.' },
  ),
  codex: Type.String({ description: 'For `~/.codex/config.toml`.' }),
  curl: Type.String({
    description:
      'Proves the way there and back: a message to itself, then its inbox. Where the scopes do ' +
      'not allow that, who it is.',
  }),
})
export type Connection = Static<typeof Connection>

// It stands in commands that people paste into a shell.
const HOST = /^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$/

/**
 * Under which URL the caller reached the gateway; so will its agents.
 *
 * @throws gateway.invalid-request for a Host that is no plain name or address
 */
export function baseUrlOf({ protocol, host }: FastifyRequest): string {
  if (HOST.test(host)) return `${protocol}://${host}`
  throw invalidField('Host', 'must be a plain name or address, as the agent’s client will use it')
}

/** How the agent `name` connects with this secret. */
export function connectionOf(
  baseUrl: string,
  { name, secret, scopes }: { name: string; secret: string; scopes: readonly Scope[] },
): Connection {
  const url = `${baseUrl}/mcp`
  const authorization = `Bearer ${secret}`
  return {
    mcpUrl: url,
    claudeCode: {
      mcpServers: { mumega: { type: 'http', url, headers: { Authorization: authorization } } },
    },
    codex: [
      '[mcp_servers.mumega]',
      `url = "${url}"`,
      `http_headers = { "Authorization" = "${authorization}" }`,
      '',
    ].join('\n'),
    curl: proofOf(baseUrl, { name, authorization, scopes }),
  }
}

function proofOf(
  baseUrl: string,
  given: { name: string; authorization: string; scopes: readonly Scope[] },
): string {
  const curl = `curl -sSf -H 'Authorization: ${given.authorization}'`
  const goesRound = (['messages:send', 'messages:read'] as const).every((scope) =>
    given.scopes.includes(scope),
  )
  if (!goesRound) return `${curl} '${baseUrl}/v1/whoami'`
  const body = JSON.stringify({ to: given.name, text: 'There and back.' })
  return (
    `${curl} '${baseUrl}/v1/messages' -H 'Content-Type: application/json' -d '${body}' && ` +
    `${curl} '${baseUrl}/v1/inbox?unreadOnly=true'`
  )
}
