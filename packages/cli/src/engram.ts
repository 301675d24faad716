import { Type } from 'typebox'
import { EngramContent, getEngram, recallEngrams, type Engram } from '@mumega/contracts/engrams'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { usageError } from './command-error.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { File, readBody } from './read-body.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, marked, moreLines } from './table.ts'
import { runVerb } from './verbs.ts'

export const engram: Command = {
  name: 'engram',
  help: `mumega engram record <file.json|->
mumega engram record --kind <kind> [--text <text>] [--measure <name>=<number>]… [--tag <tag>]…
    --tier public|squad|project|entity|private [--circle <name>] [--observed <time>] [--expires <time>]
mumega engram recall [<words>] [--kind <kind>] [--tag <tag>] [--tier <tier>] [--circle <name>]
    [--by <author>] [--since <time>] [--until <time>] [--order newest|relevance] [--limit <n>] [--after <next>]
mumega engram show <engram>
    Remembers something, for good: what an engram says never changes. Recalls what may be recalled of
    what fits every condition. Each line of a text has > before it: it is what somebody said, and no
    word of ours.
    All of them take --url <gateway>, else they ask that of the local run, and --tenant <id>, with
    the token in MUMEGA_TOKEN. --json prints the answer as it is.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('engram', { record, recall, show }),
}

const PATH = '/v1/engrams'
const { circles: _, limit, ...conditions } = recallEngrams.request.properties

async function record(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: {
      ...{ file: Type.Optional(File), ...ofTenant },
      ...Type.Partial(EngramContent).properties,
    },
    words: { file: 'the file of the engram' },
    options: {
      ...{ kind: 'kind', text: 'text', measures: 'measure', tags: 'tag', tier: 'tier' },
      ...{ circle: 'circle', observedAt: 'observed', expiresAt: 'expires', tenantId: 'tenant' },
    },
  })
  const { file, tenantId, ...said } = fields
  if (file !== undefined && Object.keys(said).length > 0) {
    throw usageError('What is remembered is in the file or in options, not in both.')
  }
  if (file === undefined && (said.kind === undefined || said.tier === undefined)) {
    throw usageError('Name a file, or say with --kind and --tier what it is and who may recall it.')
  }
  const body = file === undefined ? said : await readBody(file, EngramContent.properties, config)
  const recorded = await askGateway(
    {
      path: `${PATH}${queryOf({ tenantId })}`,
      ...{ url, body, reply: getEngram.reply, what: 'no engram' },
      needs: anyTokenWith('memory:write'),
    },
    config,
  )
  const { engramId, kind, tier } = recorded
  return done(recorded, { json, text: linesText([`${engramId}: ${kind}, ${tier}`]) })
}

async function recall(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...conditions, limit: Type.Optional(limit) },
    words: { query: 'what to recall' },
    options: {
      ...{ kind: 'kind', tag: 'tag', tier: 'tier', circle: 'circle', by: 'by', since: 'since' },
      ...{ until: 'until', order: 'order', limit: 'limit', after: 'after', tenantId: 'tenant' },
    },
  })
  const page = await askGateway(
    {
      path: `${PATH}${queryOf(fields)}`,
      ...{ url, reply: recallEngrams.reply, what: 'no engrams' },
      needs: anyTokenWith('memory:read'),
    },
    config,
  )
  const { engrams: rows, next } = page
  const lines = rows.length === 0 ? ['none'] : rows.flatMap(linesOf)
  return done(page, { json, text: linesText([...lines, ...moreLines({ rows, next })]) })
}

function linesOf({ engramId, text, measures, tags, ...of }: Engram): string[] {
  const circle = of.circle === undefined ? '' : ` ${of.circle}`
  const facts = [
    `${engramId}  ${of.observedAt}  ${of.recordedBy}  ${of.kind}  ${of.tier}${circle}`,
    ...tags.map((tag) => `#${tag}`),
    ...Object.entries(measures)
      .map(([name, value]) => `${name}=${value}`)
      .toSorted(),
  ]
  return [facts.join('  '), ...(text === undefined ? [] : marked(text))]
}

async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { engramId: getEngram.request.properties.engramId, ...ofTenant },
    words: { engramId: 'an engram by its id' },
    options: { tenantId: 'tenant' },
  })
  const path = `${PATH}/${fields.engramId}${queryOf({ tenantId: fields.tenantId })}`
  const needs = anyTokenWith('memory:read')
  const asked = { path, url, reply: getEngram.reply, what: 'no engram', needs }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}
