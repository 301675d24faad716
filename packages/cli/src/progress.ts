import { Value } from 'typebox/value'
import { Day } from '@mumega/contracts/objective-content'
import {
  COMPUTER,
  ObjectiveProgress,
  ProgressRun,
  ProgressSchedule,
} from '@mumega/contracts/progress'
import { TenantId, Uuid } from '@mumega/contracts/scalars'
import { signNote } from '@mumega/tlog/note'
import { progressRunText } from '@mumega/tlog/progress-run'
import { askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { keyFileOf, readSigner } from './read-signer.ts'

const OPTIONS = {
  day: { type: 'string' },
  key: { type: 'string' },
  tenant: { type: 'string' },
  url: { type: 'string' },
  print: { type: 'boolean' },
} as const

interface Options {
  readonly day?: string | undefined
  readonly key?: string | undefined
  readonly tenant?: string | undefined
  readonly url?: string | undefined
  readonly print?: boolean | undefined
}

const DAY_MS = 86_400_000

export const progress: Command = {
  name: 'progress',
  help: `mumega progress show <objective> [--day <day>] [--tenant <id>] [--url <gateway>]
mumega progress run --tenant <id> --key <file> [--url <gateway>] [--print]
    Shows what a day's run made of an objective, by default the last one. With the key of
    ${COMPUTER} has today computed now: signs that here, and brings the note to the gateway of the
    local run, else to that of --url, with the token in MUMEGA_TOKEN; or prints it with --print.
    Exit code: 0 done, 1 refused or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [what = '', ...rest] = positionals
    if (values.tenant !== undefined && !Value.Check(TenantId, values.tenant)) {
      throw usageError('A --tenant is named by its id.')
    }
    if (what === 'show') return show(onlyArgument(rest, 'an objective'), values, config)
    if (what === 'run' && rest.length === 0) return runNow(values, config)
    throw usageError('It is `mumega progress show <objective>` or `mumega progress run`.')
  },
}

async function show(objectiveId: string, options: Options, config: Config): Promise<Outcome> {
  const { day, tenant, url } = options
  if (!Value.Check(Uuid, objectiveId)) throw usageError('An objective is named by its id.')
  if (day !== undefined && !Value.Check(Day, day)) throw usageError('A --day is as 2026-09-30.')
  const shown = await askGateway(
    {
      path: `/v1/objectives/${objectiveId}/progress${queryOf({ day, tenantId: tenant })}`,
      ...{ url, reply: ObjectiveProgress, what: 'no progress' },
      needs: 'a token with the scope objectives:read, of whomever,',
    },
    config,
  )
  return { exitCode: 0, output: printableJson(shown) }
}

async function runNow(options: Options, config: Config): Promise<Outcome> {
  const { tenant, url } = options
  // What is signed names it, and no server says of which tenant that is.
  if (tenant === undefined) throw usageError('Name the --tenant whose day is to be computed.')
  const signer = await readSigner(keyFileOf(options), config)
  if (signer.name !== COMPUTER) {
    throw usageError(`The key is ${signer.name}’s; only ${COMPUTER} has a day computed.`)
  }
  const needs = 'a token with the scope objectives:write, of whomever,'
  const query = queryOf({ tenantId: tenant })
  const { today: day } = await askGateway(
    {
      path: `/v1/progress-schedule${query}`,
      ...{ url, reply: ProgressSchedule, what: 'no schedule', needs },
    },
    config,
  )
  // Nowhere on earth is it another day than yesterday, today or tomorrow in UTC.
  if (Math.abs(Date.parse(`${day}T12:00:00Z`) - Date.now()) > 2 * DAY_MS) {
    throw new CommandError(EXIT_FAILED, `The gateway says that it is ${day}: nothing was signed.`)
  }
  const note = signNote(progressRunText({ principal: COMPUTER, tenant, day }), signer)
  if (options.print === true) return { exitCode: 0, output: note }
  const run = await askGateway(
    {
      path: `/v1/progress-runs${query}`,
      ...{ url, body: { day, note }, reply: ProgressRun, what: 'no run', needs },
    },
    config,
  )
  return { exitCode: 0, output: printableJson(run) }
}
