import { Type } from 'typebox'
import { getWork, listWork, putWork, Work } from '@mumega/contracts/work'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'
import { runVerb } from './verbs.ts'

export const work: Command = {
  name: 'work',
  help: `mumega work put task|fleet <id> --title <text> [--objective <id>] [--state open|done|dropped]
mumega work list [--kind task|fleet] [--state <state>] [--objective <id>] [--drifting|--no-drifting]
    [--limit <n>] [--after <next>]
mumega work show task|fleet <id>
    Says what some work is now, all of it: without --objective it is tied to none, without --state it
    is open. Lists what fits every condition; what drifts leads to nothing that was ratified.
    All of them take --url <gateway>, else they ask that of the local run, and --tenant <id>, with
    the token in MUMEGA_TOKEN. --json prints the answer as it is.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('work', { put, list, show }),
}

const WORDS = { kind: 'task or fleet', workId: 'the work by its id' } as const

async function put(args: readonly string[], config: Config): Promise<Outcome> {
  const { state, requestId: _, ...fields } = putWork.request.properties
  const filled = readForm(args, {
    fields: { ...fields, state: Type.Optional(state), ...ofTenant },
    words: WORDS,
    options: { title: 'title', state: 'state', objectiveId: 'objective', tenantId: 'tenant' },
  })
  const { kind, workId, tenantId, ...body } = filled.fields
  const now = await askGateway(
    {
      path: `/v1/work/${kind}/${encodeURIComponent(workId)}${queryOf({ tenantId })}`,
      ...{ url: filled.url, method: 'PUT', body, reply: Work, what: 'no work' },
      needs: anyTokenWith('objectives:write'),
    },
    config,
  )
  const drift = now.drift === undefined ? '' : `, and drifts: ${now.drift}`
  const text = linesText([`${now.kind} ${now.workId} is ${now.state}${drift}`])
  return done(now, { json: filled.json, text })
}

async function list(args: readonly string[], config: Config): Promise<Outcome> {
  const { limit, ...conditions } = listWork.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...conditions, limit: Type.Optional(limit) },
    options: {
      ...{ kind: 'kind', state: 'state', objectiveId: 'objective', drifting: 'drifting' },
      ...{ limit: 'limit', after: 'after', tenantId: 'tenant' },
    },
  })
  const path = `/v1/work${queryOf(fields)}`
  const needs = anyTokenWith('objectives:read')
  const asked = { path, url, reply: listWork.reply, what: 'no work', needs }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.work, next: page.next },
    {
      KIND: (row) => row.kind,
      ID: (row) => row.workId,
      STATE: (row) => row.state,
      DRIFT: ({ drift = '' }) => drift,
      OBJECTIVE: ({ objectiveId = '' }) => objectiveId,
      TITLE: (row) => row.title,
    },
  )
  return done(page, { json, text })
}

async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getWork.request.properties, ...ofTenant },
    words: WORDS,
    options: { tenantId: 'tenant' },
  })
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `/v1/work/${fields.kind}/${encodeURIComponent(fields.workId)}${query}`
  const needs = anyTokenWith('objectives:read')
  const asked = { path, url, reply: Work, what: 'no work', needs }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}
