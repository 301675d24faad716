import { Type, type Static } from 'typebox'
import { askGateway } from './ask-gateway.ts'
import { usageError } from './command-error.ts'
import { parseCommand, type Command, type Outcome } from './command.ts'
import { printable, printableJson } from './printable.ts'

const Joined = Type.Object({
  agent: Type.Object({ tenantId: Type.String(), name: Type.String() }),
  token: Type.Object({ secret: Type.String(), expiresAt: Type.String() }),
  connection: Type.Object({
    claudeCode: Type.Object({}),
    codex: Type.String(),
    curl: Type.String(),
  }),
})
type Joined = Static<typeof Joined>

const OPTIONS = {
  tenant: { type: 'string' },
  url: { type: 'string' },
  scopes: { type: 'string' },
  days: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const agent: Command = {
  name: 'agent',
  help: `mumega agent join <name> --tenant <id> [--url <gateway>] [--scopes <a,b>] [--days <n>] [--json]
    Creates an agent with its inbox and its token, which is shown now and never again, and prints what
    its client needs: an MCP server for Claude Code and for Codex, and a curl that proves the way there
    and back. Asks the gateway of the local run, else that of --url, with the operator's token in
    MUMEGA_TOKEN.
    Exit code: 0 joined, 1 refused or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [what, name, ...more] = positionals
    if (what !== 'join' || name === undefined || more.length > 0) {
      throw usageError('It is `mumega agent join <name> --tenant <id>`.')
    }
    const { tenant, scopes, days } = values
    if (tenant === undefined) throw usageError('Name the tenant with --tenant.')
    if (days !== undefined && !/^[1-9]\d{0,3}$/.test(days)) {
      throw usageError('--days is a number of days.')
    }
    const joined = await askGateway(
      {
        path: `/v1/tenants/${encodeURIComponent(tenant)}/agents`,
        url: values.url,
        body: {
          name,
          ...(scopes !== undefined && { scopes: scopes.split(',') }),
          ...(days !== undefined && { expiresInDays: Number(days) }),
        },
        reply: Joined,
        what: 'no agent',
        needs: 'an operator’s token with the scope agents:write',
      },
      config,
    )
    return { exitCode: 0, output: values.json === true ? printableJson(joined) : textOf(joined) }
  },
}

function textOf({ agent: joined, token, connection }: Joined): string {
  return printed([
    `${joined.name} of ${joined.tenantId} has joined. Its token is shown now and never again; it ends ${token.expiresAt}.`,
    `  ${token.secret}`,
    'Claude Code, in .mcp.json:',
    JSON.stringify(connection.claudeCode, null, 2),
    'Codex, in ~/.codex/config.toml:',
    connection.codex.trimEnd(),
    'The way there and back:',
    connection.curl,
  ])
}

function printed(parts: readonly string[]): string {
  const lines = parts.join('\n\n').split('\n')
  return `${lines.map((line) => printable(line)).join('\n')}\n`
}
