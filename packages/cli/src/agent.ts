import { randomUUID } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { askJson } from './get-json.ts'
import { printable, printableJson } from './printable.ts'
import { readRunFile } from './run-file.ts'

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

const Refusal = Type.Object({ code: Type.String(), detail: Type.String() })

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
    const base = await gatewayOf(values.url, config)
    const answer = await askJson(`${base}/v1/tenants/${encodeURIComponent(tenant)}/agents`, {
      name: 'The gateway',
      token: tokenOf(config),
      // One key for this one call: whoever calls again means another token.
      headers: { 'idempotency-key': randomUUID() },
      body: {
        name,
        ...(scopes !== undefined && { scopes: scopes.split(',') }),
        ...(days !== undefined && { expiresInDays: Number(days) }),
      },
    })
    if (Value.Check(Joined, answer.body)) {
      return {
        exitCode: 0,
        output: values.json === true ? printableJson(answer.body) : textOf(answer.body),
      }
    }
    const told = Value.Check(Refusal, answer.body)
      ? `${answer.body.detail} (${answer.body.code})`
      : `The gateway answered ${answer.status}, and no agent.`
    throw new CommandError(EXIT_FAILED, printable(told))
  },
}

async function gatewayOf(url: string | undefined, config: Config): Promise<string> {
  if (url === undefined) return (await readRunFile(config)).gatewayUrl.replace(/\/$/, '')
  // A password in it would be shown wherever the URL is.
  if (!/^https?:\/\/[^/?#@]+\/?$/i.test(url) || !URL.canParse(url)) {
    throw usageError('--url is the URL of a gateway, as https://mumega.example.')
  }
  return url.replace(/\/$/, '')
}

function tokenOf({ MUMEGA_TOKEN }: Config): string {
  if (MUMEGA_TOKEN === undefined) {
    throw usageError('Put an operator’s token with the scope agents:write into MUMEGA_TOKEN.')
  }
  if (/^mmg_[a-z]+_[A-Za-z0-9_-]{43}$/.test(MUMEGA_TOKEN)) return MUMEGA_TOKEN
  // What else it may be is a secret, too: it is not shown.
  throw usageError('MUMEGA_TOKEN holds no token: they are written mmg_<kind>_<43 characters>.')
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
