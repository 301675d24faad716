import { Value } from 'typebox/value'
import { TenantId } from '@mumega/contracts/scalars'
import { DriftReport, listWork, type Work } from '@mumega/contracts/work'
import { anyTokenWith, askGateway } from './ask-gateway.ts'
import { usageError } from './command-error.ts'
import { parseCommand, type Command, type Outcome } from './command.ts'
import { printable, printableJson } from './printable.ts'
import { queryOf } from './query.ts'

const OPTIONS = {
  days: { type: 'string' },
  tenant: { type: 'string' },
  url: { type: 'string' },
  json: { type: 'boolean' },
} as const

const LISTED = 20

export const drift: Command = {
  name: 'drift',
  help: `mumega drift [--days <1-366>] [--tenant <id>] [--url <gateway>] [--json]
    Shows how much of the open work, and of what was closed within the days (30), leads to
    objectives that were ratified, the first ${LISTED} open tasks and fleets that do not, and the
    objectives that nobody works for. Asks the gateway of the local run, else that of --url, with
    the token in MUMEGA_TOKEN. Exit code: 0 nothing open drifts, 1 something does, or no answer.`,

  async run(args, config): Promise<Outcome> {
    const { values, positionals } = parseCommand(args, OPTIONS)
    const { days, tenant, url, json = false } = values
    if (positionals.length > 0) throw usageError('`mumega drift` takes options only.')
    if (days !== undefined && !/^([1-9]|[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])$/.test(days)) {
      throw usageError('--days is a number from 1 to 366.')
    }
    if (tenant !== undefined && !Value.Check(TenantId, tenant)) {
      throw usageError('A --tenant is named by its id.')
    }
    const asked = { url, needs: anyTokenWith('objectives:read') }
    const report = await askGateway(
      {
        path: `/v1/drift${queryOf({ days, tenantId: tenant })}`,
        ...{ ...asked, reply: DriftReport, what: 'no report' },
      },
      config,
    )
    const open = { state: 'open', drifting: 'true', limit: String(LISTED), tenantId: tenant }
    const { work } = await askGateway(
      {
        path: `/v1/work${queryOf(open)}`,
        ...{ ...asked, reply: listWork.reply, what: 'no work' },
      },
      config,
    )
    const exitCode = report.open.drifting === 0 ? 0 : 1
    if (json) return { exitCode, output: printableJson({ ...report, work }) }
    return { exitCode, output: textOf(report, work) }
  },
}

function textOf(report: DriftReport, work: readonly Work[]): string {
  const { open, closed, days, unattended, unattendedCount } = report
  const lines = [
    `open     ${shareOf(open)}`,
    `closed   ${shareOf(closed)} within ${days} ${days === 1 ? 'day' : 'days'}`,
    ...work.map(
      ({ kind, workId, drift: why = '', title, objectiveId }) =>
        `  ${kind} ${workId}  ${why}${objectiveId === undefined ? '' : ` (${objectiveId})`}  ${title}`,
    ),
    ...(open.drifting > work.length ? [`  … and ${open.drifting - work.length} more`] : []),
    ...(unattendedCount === 0 ? [] : [`nobody works for ${unattendedCount} of the objectives`]),
    ...unattended.map(({ objectiveId, title, owner }) => `  ${objectiveId}  ${owner}  ${title}`),
  ]
  return `${lines.map(printable).join('\n')}\n`
}

function shareOf({ all, drifting, reasons }: DriftReport['open']): string {
  const why = Object.entries(reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`)
  const tail = why.length === 0 ? '' : ` (${why.join(', ')})`
  return `${drifting} of ${all} drift${drifting === 1 ? 's' : ''}${tail}`
}
