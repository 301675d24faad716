import { Type } from 'typebox'
import { ObjectiveContent } from '@mumega/contracts/objective-content'
import {
  editObjective,
  getObjective,
  listObjectiveChanges,
  listObjectives,
  Objective,
  objectToObjective,
  RATIFIER,
  type Objective as ObjectiveFields,
} from '@mumega/contracts/objectives'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { usageError } from './command-error.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import { decideBy } from './objective-decision.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { File, readBody } from './read-body.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'
import { runVerb } from './verbs.ts'

export const objective: Command = {
  name: 'objective',
  help: `mumega objective list [--state <state>] [--owner <name>] [--tag <tag>] [--parent <objective>]
    [--limit <n>] [--after <next>]
mumega objective show <objective> [--version <n>]
mumega objective changes <objective> [--limit <n>] [--before <next>]
mumega objective draft <file.json|-> [--objective <id> --replaces <version>]
mumega objective propose <objective> --version <n>
mumega objective object <objective> --version <n> --reason <text>
mumega objective ratify <objective> --version <n> --sha256 <hash> [--objections <n>] --key <file>
    --tenant <id> [--print]
mumega objective decline|retire <objective> --version <n> --sha256 <hash> --reason <text> --key <file>
    --tenant <id> [--print]
    Shows objectives: of each the version that counts, or counted last, or the newest. Drafts one from
    a file, or another version of one that is there, in place of the version that was read; proposes
    a draft, or objects to what is proposed. With the key of ${RATIFIER} ratifies, declines or
    retires the version that is named, where it says what \`show\` or \`propose\` told the sha256 of, and
    as many objections as are named were put to it: signs that here for the tenant that is named, and
    brings the note to the gateway; or prints the note with --print.
    All of them take --url <gateway>, else they ask that of the local run, and --tenant <id>, with
    the token in MUMEGA_TOKEN. --json prints the answer as it is.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('objective', {
    show,
    list,
    changes,
    draft,
    propose,
    object: objectTo,
    ratify: decideBy('ratify'),
    decline: decideBy('decline'),
    retire: decideBy('retire'),
  }),
}

const READS = anyTokenWith('objectives:read')
const WRITES = anyTokenWith('objectives:write')
const pathOf = (objectiveId: string) => `/v1/objectives/${objectiveId}`
const NAMED = { objectiveId: 'an objective by its id' } as const
const { version } = objectToObjective.request.properties

async function list(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...Type.Partial(listObjectives.request).properties },
    options: {
      ...{ state: 'state', owner: 'owner', tag: 'tag', parentId: 'parent' },
      ...{ limit: 'limit', after: 'after', tenantId: 'tenant' },
    },
  })
  const path = `/v1/objectives${queryOf(fields)}`
  const asked = { path, url, reply: listObjectives.reply, what: 'no objectives', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.objectives, next: page.next },
    {
      OBJECTIVE: (row) => row.objectiveId,
      VERSION: (row) => String(row.version),
      STATE: (row) => row.state,
      OWNER: (row) => row.owner,
      PERIOD: ({ period }) => `${period.from} ${period.to}`,
      TITLE: (row) => row.title,
    },
  )
  return done(page, { json, text })
}

async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getObjective.request.properties, ...ofTenant },
    words: NAMED,
    options: { version: 'version', tenantId: 'tenant' },
  })
  const { objectiveId, ...query } = fields
  const path = `${pathOf(objectiveId)}${queryOf(query)}`
  const asked = { path, url, reply: Objective, what: 'no objective', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

async function changes(args: readonly string[], config: Config): Promise<Outcome> {
  const { objectiveId, limit, before } = listObjectiveChanges.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { objectiveId, limit: Type.Optional(limit), before, ...ofTenant },
    words: NAMED,
    options: { limit: 'limit', before: 'before', tenantId: 'tenant' },
  })
  const { objectiveId: id, ...query } = fields
  const path = `${pathOf(id)}/changes${queryOf(query)}`
  const asked = { path, url, reply: listObjectiveChanges.reply, what: 'no changes', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.changes, next: page.next, option: 'before' },
    {
      AT: (row) => row.at,
      VERSION: (row) => String(row.version),
      FROM: ({ from = 'new' }) => from,
      TO: (row) => row.to,
      BY: (row) => row.by,
    },
  )
  return done(page, { json, text })
}

/** A new objective, or another version of the one that is named. */
async function draft(args: readonly string[], config: Config): Promise<Outcome> {
  const { objectiveId, replacesVersion } = editObjective.request.properties
  const { fields, url, json } = readForm(args, {
    fields: {
      ...{ file: File, objectiveId: Type.Optional(objectiveId) },
      ...{ replacesVersion: Type.Optional(replacesVersion), ...ofTenant },
    },
    words: { file: 'the file of the objective' },
    options: { objectiveId: 'objective', replacesVersion: 'replaces', tenantId: 'tenant' },
  })
  if ((fields.objectiveId === undefined) !== (fields.replacesVersion === undefined)) {
    throw usageError('--objective and --replaces, the version that you have read, go together.')
  }
  const content = await readBody(fields.file, ObjectiveContent.properties, config)
  const query = queryOf({ tenantId: fields.tenantId })
  const isNew = fields.objectiveId === undefined
  const drafted = await askGateway(
    {
      ...(isNew
        ? { path: `/v1/objectives${query}`, body: content }
        : {
            ...{ path: `${pathOf(fields.objectiveId ?? '')}${query}`, method: 'PUT' as const },
            body: { replacesVersion: fields.replacesVersion, ...content },
          }),
      ...{ url, reply: Objective, what: 'no objective', needs: WRITES },
    },
    config,
  )
  return stepped(drafted, json)
}

async function propose(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: {
      ...Type.Pick(objectToObjective.request, ['objectiveId']).properties,
      version,
      ...ofTenant,
    },
    words: NAMED,
    options: { version: 'version', tenantId: 'tenant' },
  })
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${pathOf(fields.objectiveId)}/versions/${fields.version}/propose${query}`
  const asked = { path, url, method: 'POST', reply: Objective, what: 'no objective' } as const
  const proposed = await askGateway({ ...asked, needs: WRITES }, config)
  return stepped(proposed, json, `: ${proposed.sha256}`)
}

async function objectTo(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...Type.Omit(objectToObjective.request, ['requestId']).properties, ...ofTenant },
    words: NAMED,
    options: { version: 'version', reason: 'reason', tenantId: 'tenant' },
  })
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${pathOf(fields.objectiveId)}/versions/${fields.version}/objections${query}`
  const body = { reason: fields.reason }
  const asked = { path, url, body, reply: Objective, what: 'no objective', needs: WRITES }
  const objected = await askGateway(asked, config)
  return stepped(objected, json, `, with ${objected.objections.length} objections`)
}

/** What became of a version. Its objective's id is first, for who goes on with it. */
function stepped(now: ObjectiveFields, json: boolean, more = ''): Outcome {
  const { objectiveId, state, content } = now
  const text = `${objectiveId}: version ${now.version} of “${content.title}” is ${state}${more}`
  return done(now, { json, text: linesText([text]) })
}
