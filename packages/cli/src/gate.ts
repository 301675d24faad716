import { Value } from 'typebox/value'
import { GateSlug } from '@mumega/contracts/gate'
import { Ledger } from '@mumega/contracts/gate-ledger'
import { getBriefing, type BriefedShape } from '@mumega/contracts/gate-shapes'
import { RATIFIER } from '@mumega/contracts/objectives'
import { askGateway } from './ask-gateway.ts'
import { usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { ledgerText } from './gate-ledger.ts'
import { READS, type GateOptions } from './gate-options.ts'
import { giveVerdict } from './gate-verdict.ts'
import { queryOf } from './query.ts'
import { printable, printableJson } from './printable.ts'

const OPTIONS = {
  key: { type: 'string' },
  iteration: { type: 'string' },
  commit: { type: 'string' },
  verdict: { type: 'string' },
  sha256: { type: 'string' },
  tenant: { type: 'string' },
  after: { type: 'string' },
  url: { type: 'string' },
  print: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

export const gate: Command = {
  name: 'gate',
  help: `mumega gate ledger <sprint> [--json] [--tenant <id>] [--url <gateway>]
    What the gate caught in a sprint: a table and a chart, or JSON.
mumega gate briefing <surface> [--after <shape>] [--json] [--tenant <id>] [--url <gateway>]
    The threat shapes that a new piece of work on a surface has to consider.
mumega gate verdict <sprint> <track> --iteration <n> --commit <hash> --verdict GREEN|BLOCKED|REFINE|PENDING
    [--key <file> --sha256 <hash>] [--print] [--tenant <id>] [--url <gateway>]
    Shows what is judged and what would be signed. With the key of ${RATIFIER}, and the sha256 of
    what was shown, computes the hash of what is judged now itself, signs where it is the same, here,
    and brings the note to the gateway; or prints it with --print. All of them ask the gateway of the local run, else that of --url, with the token in
    MUMEGA_TOKEN.
    Exit code: 0 done, 1 refused or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [what = '', ...rest] = positionals
    if (what === 'ledger') return showLedger(slugOf(rest, 'a sprint'), values, config)
    if (what === 'briefing') return showBriefing(slugOf(rest, 'a surface'), values, config)
    if (what !== 'verdict') {
      throw usageError('It is `mumega gate ledger`, `briefing` or `verdict`.')
    }
    const [sprint = '', ...track] = rest
    const names = { sprintId: slugOf([sprint], 'a sprint'), trackId: slugOf(track, 'a track') }
    return giveVerdict(names, values, config)
  },
}

function slugOf(positionals: readonly string[], what: string): string {
  const slug = onlyArgument(positionals, what)
  if (Value.Check(GateSlug, slug)) return slug
  throw usageError(`Name ${what}: lower-case letters, digits and hyphens, the first a letter.`)
}

async function showLedger(
  sprintId: string,
  { tenant, url, json }: GateOptions,
  config: Config,
): Promise<Outcome> {
  const path = `/v1/gate/sprints/${sprintId}/ledger${queryOf({ tenantId: tenant })}`
  const ledger = await askGateway(
    { path, url, reply: Ledger, what: 'no ledger', needs: READS },
    config,
  )
  const isTty = process.stdout.isTTY
  return {
    exitCode: 0,
    output: json === true ? printableJson(ledger) : ledgerText(ledger, { isTty }),
  }
}

async function showBriefing(
  surface: string,
  { tenant, url, after, json }: GateOptions,
  config: Config,
): Promise<Outcome> {
  const path = `/v1/gate/briefing${queryOf({ surface, after, tenantId: tenant })}`
  const briefing = await askGateway(
    { path, url, reply: getBriefing.reply, what: 'no briefing', needs: READS },
    config,
  )
  if (json === true) return { exitCode: 0, output: printableJson(briefing) }
  const shapes = briefing.shapes.flatMap(shapeLines)
  const lines = [
    `Threat shapes to consider for ${surface}: ${briefing.shapes.length}`,
    ...shapes,
    ...(briefing.next === undefined ? [] : ['', `More: --after ${briefing.next}`]),
  ]
  return { exitCode: 0, output: `${lines.map((line) => printable(line)).join('\n')}\n` }
}

function shapeLines(shape: BriefedShape): string[] {
  const { definition = 'not said yet', prevention = 'not known yet' } = shape
  const checks = shape.checks.map(({ kind, name }) => `${kind} ${name}`)
  const found = [
    ...shape.findings.map(
      ({ sprintId, trackId, number, severity, title }) =>
        `    ${sprintId}/${trackId} ${number}. ${severity}: ${title}`,
    ),
    ...shape.historic.map((name) => `    ${name}`),
  ]
  return [
    '',
    `${shape.shapeId} (${shape.state}, ${shape.occurrences} found)`,
    `  what:       ${definition}`,
    `  prevention: ${prevention}`,
    `  checks:     ${checks.length === 0 ? 'none' : checks.join(', ')}`,
    ...found,
  ]
}
