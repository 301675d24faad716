import { Type } from 'typebox'
import { getLedger } from '@mumega/contracts/gate-ledger'
import { getBriefing, type BriefedShape } from '@mumega/contracts/gate-shapes'
import { RATIFIER } from '@mumega/contracts/objectives'
import { askGateway } from './ask-gateway.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import * as finding from './gate-finding.ts'
import { ledgerText } from './gate-ledger.ts'
import { READS, SPRINT, SPRINTS } from './gate-parts.ts'
import * as shape from './gate-shape.ts'
import * as sprint from './gate-sprint.ts'
import * as track from './gate-track.ts'
import { giveVerdict } from './gate-verdict.ts'
import { queryOf } from './query.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, moreLines } from './table.ts'
import { runVerb } from './verbs.ts'

export const gate: Command = {
  name: 'gate',
  help: `mumega gate sprint open <sprint> --title <text> [--note <text>]
mumega gate sprint show <sprint>
mumega gate sprint list [--origin planned|corrective|seed] [--limit <n>] [--after <next>]
mumega gate track add <sprint> <track> --title <text> --author <principal> [--lock <id>]…
mumega gate track show <sprint> <track>
mumega gate submit <sprint> <track> --commit <hash>
mumega gate report <sprint> <track> --iteration <n> --arm correctness|adversarial --commit <hash>
    --tests-run <n> --tests-passed <n> --how <text>
mumega gate iteration show <sprint> <track> --iteration <n>
mumega gate finding record <sprint> <track> <file.json|-> --iteration <n>
mumega gate finding list <sprint> <track> [--limit <n>] [--after <next>]
mumega gate fix <sprint> <track> <finding> <file.json|->
mumega gate carry <sprint> <track> <finding> --to <sprint>
mumega gate shape list [--state candidate|named] [--limit <n>] [--after <next>]
mumega gate shape describe <shape> <file.json|->
    Brings work to the gate, and what was found in it. A file has the fields of the same request over
    HTTP, as /openapi.json describes them.
mumega gate ledger <sprint>
    What the gate caught in a sprint: a table and a chart, or JSON.
mumega gate briefing <surface> [--limit <n>] [--after <next>]
    The threat shapes that a new piece of work on a surface has to consider.
mumega gate verdict <sprint> <track> --iteration <n> --commit <hash> --verdict GREEN|BLOCKED|REFINE|PENDING
    [--key <file> --sha256 <hash> --tenant <id>] [--print]
    Shows what is judged and what would be signed. With the key of ${RATIFIER}, the tenant and the
    sha256 of what was shown, computes the hash of what is judged now itself, signs where it is the
    same, here, and brings the note to the gateway; or prints it with --print.
    All of them take --url <gateway>, else they ask that of the local run, and --tenant <id>, with
    the token in MUMEGA_TOKEN. --json prints the answer as it is.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('gate', {
    ledger: showLedger,
    briefing: showBriefing,
    verdict: giveVerdict,
    'sprint open': sprint.open,
    'sprint show': sprint.show,
    'sprint list': sprint.list,
    'track add': track.add,
    'track show': track.show,
    submit: track.submit,
    report: track.report,
    'iteration show': track.showIteration,
    'finding record': finding.record,
    'finding list': finding.list,
    fix: finding.fix,
    carry: finding.carry,
    'shape list': shape.list,
    'shape describe': shape.describe,
  }),
}

async function showLedger(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...getLedger.request.properties, ...ofTenant },
    words: SPRINT,
    options: { tenantId: 'tenant' },
  })
  const path = `${SPRINTS}/${fields.sprintId}/ledger${queryOf({ tenantId: fields.tenantId })}`
  const asked = { path, url, reply: getLedger.reply, what: 'no ledger', needs: READS }
  const ledger = await askGateway(asked, config)
  return done(ledger, { json, text: ledgerText(ledger, { isTty: process.stdout.isTTY }) })
}

async function showBriefing(args: readonly string[], config: Config): Promise<Outcome> {
  const { limit, ...others } = getBriefing.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { ...others, limit: Type.Optional(limit), ...ofTenant },
    words: { surface: 'a surface' },
    options: { limit: 'limit', after: 'after', tenantId: 'tenant' },
  })
  const path = `/v1/gate/briefing${queryOf(fields)}`
  const asked = { path, url, reply: getBriefing.reply, what: 'no briefing', needs: READS }
  const briefing = await askGateway(asked, config)
  const { shapes: rows, next } = briefing
  const more = moreLines({ rows, next })
  const text = linesText([
    `Threat shapes to consider for ${fields.surface}: ${rows.length}`,
    ...rows.flatMap(shapeLines),
    ...(more.length === 0 ? [] : ['', ...more]),
  ])
  return done(briefing, { json, text })
}

function shapeLines(briefed: BriefedShape): string[] {
  const { definition = 'not said yet', prevention = 'not known yet' } = briefed
  const checks = briefed.checks.map(({ kind, name }) => `${kind} ${name}`)
  const origin = briefed.of === 'substrate' ? ' elsewhere' : ''
  const found = [
    ...briefed.findings.map(
      ({ sprintId, trackId, number, severity, title }) =>
        `    ${sprintId}/${trackId} ${number}. ${severity}: ${title}`,
    ),
    ...briefed.historic.map((name) => `    ${name}`),
  ]
  return [
    '',
    `${briefed.shapeId} (${briefed.state}, ${briefed.occurrences} found${origin})`,
    `  what:       ${definition}`,
    `  prevention: ${prevention}`,
    `  checks:     ${checks.length === 0 ? 'none' : checks.join(', ')}`,
    ...found,
  ]
}
