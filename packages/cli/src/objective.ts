import { createHash } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ObjectiveContent } from '@mumega/contracts/objective-content'
import {
  Objective,
  RATIFIER,
  type DecisionKind,
  type Objective as ObjectiveFields,
} from '@mumega/contracts/objectives'
import { REASON_BYTES_MAX } from '@mumega/contracts/principals'
import { Uuid } from '@mumega/contracts/scalars'
import { faultOfPlainText } from '@mumega/contracts/text'
import { canonicalJson } from '@mumega/tlog/canonical'
import { decisionText } from '@mumega/tlog/decision'
import { signNote } from '@mumega/tlog/note'
import { askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import { onlyArgument, parseCommand, type Command, type Outcome } from './command.ts'
import type { Config } from './config.ts'
import { queryOf } from './query.ts'
import { printable, printableJson } from './printable.ts'
import { keyFileOf, readSigner } from './read-signer.ts'

const OPTIONS = {
  key: { type: 'string' },
  version: { type: 'string' },
  reason: { type: 'string' },
  tenant: { type: 'string' },
  url: { type: 'string' },
  print: { type: 'boolean' },
} as const

interface Options {
  readonly version?: string | undefined
  readonly reason?: string | undefined
  readonly tenant?: string | undefined
  readonly url?: string | undefined
  readonly print?: boolean | undefined
}

const DECISIONS: readonly DecisionKind[] = ['ratify', 'decline', 'retire']
const BECAME = { ratify: 'ratified', decline: 'declined', retire: 'retired' } as const
const ANY_TOKEN = 'a token with the scope objectives:write, of whomever,'

export const objective: Command = {
  name: 'objective',
  help: `mumega objective show <objective> [--version <n>] [--tenant <id>] [--url <gateway>]
mumega objective ratify <objective> --version <n> --key <file> [--tenant <id>] [--url <gateway>] [--print]
mumega objective decline|retire <objective> --version <n> --reason <text> --key <file> […]
    Shows a version of an objective: the one that counts, or counted last, or the newest. With the key
    of ${RATIFIER} ratifies, declines or retires the version that is named: computes the hash of what it says
    itself, signs that here, and brings the note to the gateway of the local run, else to that of
    --url, with the token in MUMEGA_TOKEN; or prints the note with --print. How many objections there
    are is what the gateway says.
    Exit code: 0 done, 1 refused or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const [what = '', ...rest] = positionals
    const decision = DECISIONS.find((one) => one === what)
    if (what !== 'show' && decision === undefined) {
      throw usageError('It is `mumega objective show`, `ratify`, `decline` or `retire`.')
    }
    const objectiveId = onlyArgument(rest, 'an objective')
    checkNames(objectiveId, values)
    if (decision === undefined) {
      const shown = await read(objectiveId, values, config)
      return { exitCode: 0, output: printableJson(shown) }
    }
    const signer = await readSigner(keyFileOf(values), config)
    if (signer.name !== RATIFIER) {
      throw usageError(`The key is ${signer.name}’s; only ${RATIFIER} decides of objectives.`)
    }
    const found = await toBeDecided({ objectiveId, decision }, values, config)
    const note = signNote(statementOf(found, decision, values.reason), signer)
    if (values.print === true) return { exitCode: 0, output: note }
    return bring({ found, decision, note }, values, config)
  },
}

function checkNames(objectiveId: string, { version, reason }: Options): void {
  if (!Value.Check(Uuid, objectiveId)) throw usageError('An objective is named by its id.')
  if (version !== undefined && !/^[1-9][0-9]{0,3}$/.test(version)) {
    throw usageError('A --version is a number from 1 on.')
  }
  // As the service has it: what it would refuse is not signed.
  const fault = reason === undefined ? undefined : faultOfPlainText(reason, REASON_BYTES_MAX)
  if (reason === '' || fault !== undefined)
    throw usageError(`A --reason has 1 to ${REASON_BYTES_MAX} bytes, all of them text.`)
}

const pathOf = (objectiveId: string) => `/v1/objectives/${objectiveId}`

function read(
  objectiveId: string,
  { version, tenant, url }: Options,
  config: Config,
): Promise<ObjectiveFields> {
  return askGateway(
    {
      path: `${pathOf(objectiveId)}${queryOf({ version, tenantId: tenant })}`,
      ...{ url, reply: Objective, what: 'no objective' },
      needs: 'a token with the scope objectives:read, of whomever,',
    },
    config,
  )
}

const NEEDED = { ratify: 'proposed', decline: 'proposed', retire: 'ratified' } as const

/**
 * The version that is to be decided of. Whoever signs what a server says of itself signs anything:
 * it is the one that was named, in a state in which it can be, and its hash is of what it shows.
 */
async function toBeDecided(
  order: { objectiveId: string; decision: DecisionKind },
  options: Options,
  config: Config,
): Promise<ObjectiveFields> {
  const { objectiveId, decision } = order
  const { version, tenant } = options
  if (version === undefined) {
    throw usageError('Name the --version that you have read: another may be the newest by now.')
  }
  const found = await read(objectiveId, options, config)
  const isOther =
    found.objectiveId !== objectiveId ||
    found.version !== Number(version) ||
    (tenant !== undefined && found.tenantId !== tenant)
  if (isOther) throw unsigned('answers with another version than was asked for')
  if (hashOf(found.content) !== found.sha256) {
    throw unsigned('shows another content than its hash is of')
  }
  const [before, after] = [NEEDED[decision], BECAME[decision]]
  // What is decided so already may be brought again.
  if (found.state !== before && found.state !== after) {
    throw unsigned(`says that the version is ${found.state}, and not ${before}`)
  }
  return found
}

function unsigned(what: string): CommandError {
  return new CommandError(EXIT_FAILED, `The gateway ${what}: nothing was signed.`)
}

/** Undefined for what has no canonical JSON. */
function hashOf(content: ObjectiveContent): string | undefined {
  try {
    return createHash('sha256').update(canonicalJson(content)).digest('hex')
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function statementOf(
  { tenantId, objectiveId, version, sha256, objections }: ObjectiveFields,
  decision: DecisionKind,
  reason: string | undefined,
): string {
  if ((decision === 'ratify') !== (reason === undefined)) {
    throw usageError(
      decision === 'ratify' ? '--reason is not asked for to ratify.' : 'Give a --reason.',
    )
  }
  return decisionText({
    ...{ decision, principal: RATIFIER, tenant: tenantId, objective: objectiveId, version, sha256 },
    ...(reason === undefined ? { objections: objections.length } : { reason }),
  })
}

async function bring(
  order: { found: ObjectiveFields; decision: DecisionKind; note: string },
  { tenant, url, reason }: Options,
  config: Config,
): Promise<Outcome> {
  const { found, decision, note } = order
  const decided = await askGateway(
    {
      path: `${pathOf(found.objectiveId)}/versions/${found.version}/decisions${queryOf({ tenantId: tenant })}`,
      ...{ url, what: 'no objective', needs: ANY_TOKEN },
      body: { decision, note, ...(reason !== undefined && { reason }) },
      reply: Type.Pick(Objective, ['version', 'sha256']),
    },
    config,
  )
  const of = `version ${decided.version} of “${printable(found.content.title)}”`
  return { exitCode: 0, output: `${of} is ${BECAME[decision]}: ${decided.sha256}\n` }
}
