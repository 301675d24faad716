import { Type } from 'typebox'
import {
  COMPUTER,
  getProgress,
  listEvidence,
  listProgressRuns,
  ObjectiveProgress,
  ProgressRun,
  ProgressSchedule,
  setProgressSchedule,
} from '@mumega/contracts/progress'
import { TenantId } from '@mumega/contracts/scalars'
import { signNote } from '@mumega/tlog/note'
import { progressRunText } from '@mumega/tlog/progress-run'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import type { Command, Outcome } from './command.ts'
import type { Config } from './config.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { ofTenant, readForm } from './read-form.ts'
import { readSigner } from './read-signer.ts'
import { done, tableText } from './table.ts'
import { runVerb } from './verbs.ts'

const HOUR_MS = 3_600_000
const READS = anyTokenWith('objectives:read')
const WRITES = anyTokenWith('objectives:write')
const RUNS = '/v1/progress-runs'
const SCHEDULE = '/v1/progress-schedule'
const NAMED = { objectiveId: 'an objective by its id' } as const

export const progress: Command = {
  name: 'progress',
  help: `mumega progress show <objective> [--day <day>]
mumega progress evidence <objective> <day> <key result> [--limit <n>] [--after <next>]
mumega progress runs [--limit <n>] [--before <day>]
mumega progress schedule [--time-zone <name> --at <hh:mm>]
mumega progress run --tenant <id> --key <file> [--print]
    Shows what a day's run made of an objective, by default the last one; the engrams that a value
    was computed from; the days that were computed; and when that is, which an operator may change.
    With the key of ${COMPUTER} has today computed now: signs that here, and brings the note to the
    gateway; or prints it with --print.
    All of them take --url <gateway>, else they ask that of the local run, and --tenant <id>, with
    the token in MUMEGA_TOKEN. --json prints a list as it is.
    Exit code: 0 done, 1 refused or no answer.`,

  run: runVerb('progress', { show, run: runNow, evidence, runs, schedule }),
}

async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getProgress.request.properties, ...ofTenant },
    words: NAMED,
    options: { day: 'day', tenantId: 'tenant' },
  })
  const { objectiveId, ...query } = fields
  const path = `/v1/objectives/${objectiveId}/progress${queryOf(query)}`
  const asked = { path, url, reply: ObjectiveProgress, what: 'no progress', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

/** The engrams that a value was computed from, without what they say. */
async function evidence(args: readonly string[], config: Config): Promise<Outcome> {
  const { limit, ...others } = listEvidence.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { ...others, limit: Type.Optional(limit), ...ofTenant },
    words: { ...NAMED, day: 'a day', keyResultId: 'a key result' },
    options: { limit: 'limit', after: 'after', tenantId: 'tenant' },
  })
  const { objectiveId, day, keyResultId, ...query } = fields
  const of = `/v1/objectives/${objectiveId}/progress/${day}/${keyResultId}`
  const path = `${of}/engrams${queryOf(query)}`
  const asked = { path, url, reply: listEvidence.reply, what: 'no evidence', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.engrams, next: page.next },
    {
      ENGRAM: (row) => row.engramId,
      OBSERVED: (row) => row.observedAt,
      KIND: (row) => row.kind,
      TAGS: ({ tags }) => tags.join(' '),
    },
  )
  return done(page, { json, text })
}

/** The days that were computed. */
async function runs(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...Type.Partial(listProgressRuns.request).properties },
    options: { limit: 'limit', before: 'before', tenantId: 'tenant' },
  })
  const path = `${RUNS}${queryOf(fields)}`
  const asked = { path, url, reply: listProgressRuns.reply, what: 'no runs', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.runs, next: page.next, option: 'before' },
    {
      DAY: (row) => row.day,
      STATE: (row) => row.state,
      'KEY RESULTS': (row) => String(row.keyResults),
      'ASKED BY': (row) => row.askedBy,
    },
  )
  return done(page, { json, text })
}

/** Shows when the days are computed, or says when from now on. */
async function schedule(args: readonly string[], config: Config): Promise<Outcome> {
  const { timeZone, runAt } = Type.Partial(setProgressSchedule.request).properties
  const { fields, url } = readForm(args, {
    fields: { timeZone, runAt, ...ofTenant },
    options: { timeZone: 'time-zone', runAt: 'at', tenantId: 'tenant' },
  })
  const { tenantId, ...body } = fields
  if ((body.timeZone === undefined) !== (body.runAt === undefined)) {
    throw usageError('--time-zone and --at go together.')
  }
  const asked = { path: `${SCHEDULE}${queryOf({ tenantId })}`, url, reply: ProgressSchedule }
  const isChange = body.timeZone !== undefined
  const now = await askGateway(
    {
      ...{ ...asked, ...(isChange && { method: 'PUT', body }), what: 'no schedule' },
      needs: isChange ? 'an operator’s token with the scope tenants:write' : READS,
    },
    config,
  )
  return { exitCode: 0, output: printableJson(now) }
}

/** Whether it is that day somewhere now: clocks are 12 hours behind UTC to 14 before it. */
function isSomewhere(day: string): boolean {
  const moments = [-12, 0, 14].map((hours) => new Date(Date.now() + hours * HOUR_MS))
  return moments.some((at) => at.toISOString().startsWith(`${day}T`))
}

async function runNow(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    // What is signed names it, and no server says of which tenant that is.
    fields: { tenantId: TenantId, key: Type.String(), print: Type.Optional(Type.Boolean()) },
    options: { tenantId: 'tenant', key: 'key', print: 'print' },
  })
  const { tenantId: tenant, key, print } = fields
  const signer = await readSigner(key, config)
  if (signer.name !== COMPUTER) {
    throw usageError(`The key is ${signer.name}’s; only ${COMPUTER} has a day computed.`)
  }
  const query = queryOf({ tenantId: tenant })
  const asked = { path: `${SCHEDULE}${query}`, url, reply: ProgressSchedule, what: 'no schedule' }
  const { today: day } = await askGateway({ ...asked, needs: WRITES }, config)
  if (!isSomewhere(day)) {
    throw new CommandError(EXIT_FAILED, `The gateway says that it is ${day}: nothing was signed.`)
  }
  const note = signNote(progressRunText({ principal: COMPUTER, tenant, day }), signer)
  if (print === true) return { exitCode: 0, output: note }
  const run = await askGateway(
    {
      path: `${RUNS}${query}`,
      ...{ url, body: { day, note }, reply: ProgressRun, what: 'no run', needs: WRITES },
    },
    config,
  )
  return { exitCode: 0, output: printableJson(run) }
}
