import { Type } from 'typebox'
import {
  decideObjective,
  Objective,
  OBJECTIONS_MAX,
  RATIFIER,
  type DecisionKind,
  type Objective as ObjectiveFields,
} from '@mumega/contracts/objectives'
import { REASON_BYTES_MAX } from '@mumega/contracts/principals'
import { Sha256Hex, TenantId } from '@mumega/contracts/scalars'
import { faultOfPlainText } from '@mumega/contracts/text'
import { decisionText } from '@mumega/tlog/decision'
import { signNote } from '@mumega/tlog/note'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import type { Command } from './command.ts'
import type { Config } from './config.ts'
import { contentHash } from './content-hash.ts'
import { queryOf } from './query.ts'
import { readForm } from './read-form.ts'
import { readSigner } from './read-signer.ts'
import { done, linesText } from './table.ts'

const BECAME = { ratify: 'ratified', decline: 'declined', retire: 'retired' } as const
const NEEDED = { ratify: 'proposed', decline: 'proposed', retire: 'ratified' } as const

/** What is to be decided of which version, and for which tenant: all of it is signed. */
interface Order {
  readonly decision: DecisionKind
  readonly objectiveId: string
  readonly version: number
  readonly tenantId: string
  /** Of what was looked at. */
  readonly sha256: string
  /** How many were read. */
  readonly objections?: number
  readonly reason?: string
}

/** The verb of a decision, which is signed here by the key in a file. */
export function decideBy(decision: DecisionKind): Command['run'] {
  return async (args, config) => {
    const { fields, url, json } = readForm(args, FORM)
    const { key, print, ...named } = fields
    const order = { decision, ...named }
    checkReason(order)
    const signer = await readSigner(key, config)
    if (signer.name !== RATIFIER) {
      throw usageError(`The key is ${signer.name}’s; only ${RATIFIER} decides of objectives.`)
    }
    const found = await toBeDecided(order, url, config)
    const note = signNote(statementOf(found, order), signer)
    if (print === true) return { exitCode: 0, output: note }
    const decided = await bring({ ...order, note }, url, config)
    const of = `version ${decided.version} of “${decided.content.title}”`
    const text = linesText([`${of} is ${decided.state}: ${decided.sha256}`])
    return done(decided, { json, text })
  }
}

const FORM = {
  fields: {
    key: Type.String(),
    ...Type.Pick(decideObjective.request, ['objectiveId', 'version']).properties,
    // What is signed names it, and no server says of which tenant that is.
    tenantId: TenantId,
    sha256: Sha256Hex,
    objections: Type.Optional(Type.Integer({ minimum: 0, maximum: OBJECTIONS_MAX })),
    reason: Type.Optional(Type.String()),
    print: Type.Optional(Type.Boolean()),
  },
  words: { objectiveId: 'an objective by its id' },
  options: {
    ...{ key: 'key', version: 'version', tenantId: 'tenant', reason: 'reason', print: 'print' },
    ...{ sha256: 'sha256', objections: 'objections' },
  },
} as const

function checkReason({ decision, reason, objections }: Order): void {
  if (decision !== 'ratify' && objections !== undefined) {
    throw usageError('--objections are asked for to ratify only.')
  }
  if ((decision === 'ratify') !== (reason === undefined)) {
    throw usageError(
      decision === 'ratify' ? '--reason is not asked for to ratify.' : 'Give a --reason.',
    )
  }
  // As the service has it: what it would refuse is not signed.
  const fault = reason === undefined ? undefined : faultOfPlainText(reason, REASON_BYTES_MAX)
  if (reason === '' || fault !== undefined)
    throw usageError(`A --reason has 1 to ${REASON_BYTES_MAX} bytes, all of them text.`)
}

/**
 * The version that is to be decided of. Whoever signs what a server says of itself signs anything:
 * it is the one that was named, in a state in which it can be, and its hash is of what it shows.
 */
async function toBeDecided(
  { objectiveId, version, tenantId, sha256, decision, objections = 0 }: Order,
  url: string | undefined,
  config: Config,
): Promise<ObjectiveFields> {
  const found = await askGateway(
    {
      path: `/v1/objectives/${objectiveId}${queryOf({ version, tenantId })}`,
      ...{ url, reply: Objective, what: 'no objective', needs: anyTokenWith('objectives:read') },
    },
    config,
  )
  const isOther =
    found.objectiveId !== objectiveId || found.version !== version || found.tenantId !== tenantId
  if (isOther) throw unsigned('answers with another version than was asked for')
  if (contentHash(found.content) !== found.sha256) {
    throw unsigned('shows another content than its hash is of')
  }
  if (found.sha256 !== sha256) {
    throw unsigned('shows something else than you have looked at')
  }
  const [before, after] = [NEEDED[decision], BECAME[decision]]
  // What is decided so already may be brought again.
  if (found.state !== before && found.state !== after) {
    throw unsigned(`says that the version is ${found.state}, and not ${before}`)
  }
  // Who ratifies signs how many objections he knows of.
  const count = found.objections.length
  if (decision === 'ratify' && count !== objections) {
    throw unsigned(`shows ${count} objections: read them, and name --objections ${count}`)
  }
  return found
}

function unsigned(what: string): CommandError {
  return new CommandError(EXIT_FAILED, `The gateway ${what}: nothing was signed.`)
}

function statementOf({ sha256, objections }: ObjectiveFields, order: Order): string {
  const { decision, tenantId: tenant, objectiveId: objective, version, reason } = order
  return decisionText({
    ...{ decision, principal: RATIFIER, tenant, objective, version, sha256 },
    ...(reason === undefined ? { objections: objections.length } : { reason }),
  })
}

function bring(
  { objectiveId, version, tenantId, decision, reason, note }: Order & { note: string },
  url: string | undefined,
  config: Config,
): Promise<ObjectiveFields> {
  return askGateway(
    {
      path: `/v1/objectives/${objectiveId}/versions/${version}/decisions${queryOf({ tenantId })}`,
      ...{ url, what: 'no objective', needs: anyTokenWith('objectives:write') },
      body: { decision, note, ...(reason !== undefined && { reason }) },
      reply: Objective,
    },
    config,
  )
}
