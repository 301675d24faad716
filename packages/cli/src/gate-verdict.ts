import { createHash } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { Commit, Verdict, type Verdict as VerdictKind } from '@mumega/contracts/gate'
import { getIteration, GivenVerdict } from '@mumega/contracts/gate-review'
import { RATIFIER } from '@mumega/contracts/objectives'
import { canonicalJson } from '@mumega/tlog/canonical'
import { gateVerdictText } from '@mumega/tlog/gate-verdict'
import { signNote } from '@mumega/tlog/note'
import { askGateway } from './ask-gateway.ts'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { WRITES, type GateOptions } from './gate-options.ts'
import { queryOf } from './query.ts'
import { printable } from './printable.ts'
import { keyFileOf, readSigner } from './read-signer.ts'

const Shown = getIteration.reply
type Shown = Static<typeof Shown>

interface Order {
  readonly sprintId: string
  readonly trackId: string
  readonly iteration: number
  readonly commit: string
  readonly verdict: VerdictKind
}

/** Shows what a verdict judges and would say, or signs it and brings it to the gateway. */
export async function giveVerdict(
  names: { sprintId: string; trackId: string },
  options: GateOptions,
  config: Config,
): Promise<Outcome> {
  const order = orderOf(names, options)
  const signer =
    options.key === undefined ? undefined : await readSigner(keyFileOf(options), config)
  if (signer !== undefined && signer.name !== RATIFIER) {
    throw usageError(`The key is ${signer.name}’s; only ${RATIFIER} judges.`)
  }
  const path = `/v1/gate/sprints/${order.sprintId}/tracks/${order.trackId}/iterations/${order.iteration}`
  const { tenant, url } = options
  const query = queryOf({ tenantId: tenant })
  const asked = { path: `${path}${query}`, ...{ url, reply: Shown, what: 'no iteration' } }
  const shown = await askGateway({ ...asked, needs: WRITES }, config)
  checkShown(shown, order, tenant)
  if (signer !== undefined) checkSeen(shown, options.sha256)
  const statement = statementOf(shown, order)
  if (signer === undefined) {
    return { exitCode: 0, output: `${summaryOf(shown)}\n${statement}` }
  }
  const note = signNote(statement, signer)
  if (options.print === true) return { exitCode: 0, output: note }
  const given = await askGateway(
    {
      path: `${path}/verdicts${query}`,
      ...{ url, what: 'no verdict', needs: WRITES },
      body: { commit: order.commit, verdict: order.verdict, note },
      reply: Type.Pick(GivenVerdict, ['verdict', 'sha256']),
    },
    config,
  )
  const of = `iteration ${order.iteration} of ${order.sprintId}/${order.trackId}`
  return { exitCode: 0, output: `${of} is ${given.verdict}: ${given.sha256}\n` }
}

function orderOf(
  names: { sprintId: string; trackId: string },
  { iteration, commit, verdict }: GateOptions,
): Order {
  if (iteration === undefined || !/^[1-9][0-9]?$/.test(iteration)) {
    throw usageError('Name the --iteration that you have looked at, a number from 1 on.')
  }
  if (!Value.Check(Commit, commit)) {
    throw usageError('Name the --commit that you have looked at, as its whole hash.')
  }
  if (!Value.Check(Verdict, verdict)) {
    throw usageError('A --verdict is GREEN, BLOCKED, REFINE or PENDING.')
  }
  return { ...names, iteration: Number(iteration), commit, verdict }
}

/**
 * Whoever signs what a server says of itself signs anything: it is the iteration that was named,
 * of the commit that was looked at, and its hash is of what it shows.
 */
function checkShown({ tenantId, judged, sha256 }: Shown, order: Order, tenant?: string): void {
  const isOther =
    judged.sprintId !== order.sprintId ||
    judged.trackId !== order.trackId ||
    judged.iteration !== order.iteration ||
    (tenant !== undefined && tenantId !== tenant)
  if (isOther) throw unsigned('answers with another iteration than was asked for')
  if (judged.commit !== order.commit) {
    throw unsigned(`says that the iteration is the commit ${printable(judged.commit)}`)
  }
  const hash = createHash('sha256').update(canonicalJson(judged)).digest('hex')
  if (hash !== sha256) throw unsigned('shows something else than its hash is of')
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
  return `${lines.map(printable).join('\n')}\n`
}
