import { Type, type Static } from 'typebox'
import {
  getIteration,
  GivenVerdict,
  giveVerdict as giveVerdictRequest,
} from '@mumega/contracts/gate-review'
import { RATIFIER } from '@mumega/contracts/objectives'
import { Sha256Hex } from '@mumega/contracts/scalars'
import { gateVerdictText } from '@mumega/tlog/gate-verdict'
import { signNote, type Signer } from '@mumega/tlog/note'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { contentHash } from './content-hash.ts'
import { TRACK, trackName, trackPath } from './gate-parts.ts'
import { queryOf } from './query.ts'
import { printable } from './printable.ts'
import { ofTenant, readForm, type Filled } from './read-form.ts'
import { readSigner } from './read-signer.ts'
import { done, linesText } from './table.ts'

const NEEDS = anyTokenWith('gate:read', 'gate:write')
const Shown = getIteration.reply
type Shown = Static<typeof Shown>

const { verdict, ...named } = Type.Omit(giveVerdictRequest.request, [
  'requestId',
  'note',
]).properties
const FORM = {
  fields: {
    ...named,
    ...{ verdict, ...ofTenant, key: Type.Optional(Type.String()) },
    ...{ sha256: Type.Optional(Sha256Hex), print: Type.Optional(Type.Boolean()) },
  },
  words: TRACK,
  options: {
    ...{ iteration: 'iteration', commit: 'commit', verdict: 'verdict', tenantId: 'tenant' },
    ...{ key: 'key', sha256: 'sha256', print: 'print' },
  },
} as const
type Order = Filled<(typeof FORM)['fields']>['fields']

/** Shows what a verdict judges and would say, or signs it and brings it to the gateway. */
export async function giveVerdict(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields: order, url, json } = readForm(args, FORM)
  const signer = await signerOf(order, config)
  const path = `${trackPath(order)}/iterations/${order.iteration}`
  const query = queryOf({ tenantId: order.tenantId })
  const asked = { path: `${path}${query}`, ...{ url, reply: Shown, what: 'no iteration' } }
  const shown = await askGateway({ ...asked, needs: NEEDS }, config)
  checkShown(shown, order)
  if (signer !== undefined) checkSeen(shown, order.sha256)
  const statement = statementOf(shown, order)
  if (signer === undefined) {
    const text = `${summaryOf(shown)}\n${statement}`
    return done({ ...shown, statement }, { json, text })
  }
  const note = signNote(statement, signer)
  if (order.print === true) return { exitCode: 0, output: note }
  const given = await askGateway(
    {
      path: `${path}/verdicts${query}`,
      ...{ url, what: 'no verdict', needs: NEEDS },
      body: { commit: order.commit, verdict: order.verdict, note },
      reply: GivenVerdict,
    },
    config,
  )
  const of = `iteration ${order.iteration} of ${trackName(order)}`
  return done(given, { json, text: linesText([`${of} is ${given.verdict}: ${given.sha256}`]) })
}

/** Undefined where it is only looked at. */
async function signerOf({ key, tenantId }: Order, config: Config): Promise<Signer | undefined> {
  if (key === undefined) return undefined
  // What is signed names it, and no server says of which tenant that is.
  if (tenantId === undefined) throw usageError('Name the --tenant whose work is judged.')
  const signer = await readSigner(key, config)
  if (signer.name === RATIFIER) return signer
  throw usageError(`The key is ${signer.name}’s; only ${RATIFIER} judges.`)
}

/**
 * Whoever signs what a server says of itself signs anything: it is the iteration that was named,
 * of the commit that was looked at, and its hash is of what it shows.
 */
function checkShown({ tenantId, judged, sha256 }: Shown, order: Order): void {
  const isOther =
    judged.sprintId !== order.sprintId ||
    judged.trackId !== order.trackId ||
    judged.iteration !== order.iteration ||
    (order.tenantId !== undefined && tenantId !== order.tenantId)
  if (isOther) throw unsigned('answers with another iteration than was asked for')
  if (judged.commit !== order.commit) {
    throw unsigned(`says that the iteration is the commit ${printable(judged.commit)}`)
  }
  if (contentHash(judged) !== sha256) throw unsigned('shows something else than its hash is of')
}

/** What is signed is what was looked at: by its hash, which the look has told. */
function checkSeen({ sha256 }: Shown, seen: string | undefined): void {
  if (seen === undefined) {
    throw usageError('Look first, without --key; then sign with the --sha256 that it tells.')
  }
  if (seen !== sha256) throw unsigned('shows something else than you have looked at by now')
}

function unsigned(what: string): CommandError {
  return new CommandError(EXIT_FAILED, `The gateway ${what}: nothing was signed.`)
}

function statementOf({ tenantId, sha256 }: Shown, order: Order): string {
  const { sprintId: sprint, trackId: track, iteration, commit, verdict } = order
  const about = { tenant: tenantId, sprint, track, iteration, commit }
  return gateVerdictText({ principal: RATIFIER, ...about, verdict, sha256 })
}

function summaryOf({ judged }: Shown): string {
  const reports = judged.reports.map(
    ({ arm, by, testsRun, testsPassed }) =>
      `  ${arm} by ${by}: ${testsPassed} of ${testsRun} tests passed`,
  )
  const findings = judged.findings.map(
    ({ number, iteration, severity, state, title }) =>
      `  ${number}. ${severity} in iteration ${iteration}, ${state}: ${title}`,
  )
  const lines = [
    ...['Reports:', ...(reports.length === 0 ? ['  none'] : reports)],
    ...['Findings:', ...(findings.length === 0 ? ['  none'] : findings)],
  ]
  return linesText(lines)
}
