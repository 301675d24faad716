import { Type } from 'typebox'
import {
  carryFinding,
  fixFinding,
  listFindings,
  recordFinding,
  type Finding,
} from '@mumega/contracts/gate-review'
import { askGateway } from './ask-gateway.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { FINDING, READS, TRACK, trackName, trackPath, WRITES } from './gate-parts.ts'
import { queryOf } from './query.ts'
import { File, readBody } from './read-body.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'

/** Records what was found in an iteration, as a file says it. */
export async function record(args: readonly string[], config: Config): Promise<Outcome> {
  const { sprintId, trackId, iteration, requestId: _, ...said } = recordFinding.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { sprintId, trackId, iteration, file: File, ...ofTenant },
    words: { ...TRACK, file: 'the file of the finding' },
    options: { iteration: 'iteration', tenantId: 'tenant' },
  })
  const body = await readBody(fields.file, said, config)
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${trackPath(fields)}/iterations/${fields.iteration}/findings${query}`
  const asked = { path, url, body, reply: recordFinding.reply, what: 'no finding', needs: WRITES }
  const found = await askGateway(asked, config)
  return done(found, { json, text: textOf(fields, found) })
}

export async function list(args: readonly string[], config: Config): Promise<Outcome> {
  const { limit, ...others } = listFindings.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { ...others, limit: Type.Optional(limit), ...ofTenant },
    words: TRACK,
    options: { limit: 'limit', after: 'after', tenantId: 'tenant' },
  })
  const { sprintId, trackId, ...query } = fields
  const path = `${trackPath({ sprintId, trackId })}/findings${queryOf(query)}`
  const asked = { path, url, reply: listFindings.reply, what: 'no findings', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.findings, next: page.next },
    {
      NUMBER: (row) => String(row.number),
      ITERATION: (row) => String(row.iteration),
      SEVERITY: (row) => row.severity,
      STATE: (row) => row.state,
      'POST-GREEN': ({ postGreen }) => (postGreen ? 'yes' : 'no'),
      SHAPE: ({ shape = '' }) => shape,
      TITLE: (row) => row.title,
    },
  )
  return done(page, { json, text })
}

/** Closes a finding by its fix, as a file says it. */
export async function fix(args: readonly string[], config: Config): Promise<Outcome> {
  const { sprintId, trackId, number, requestId: _, ...said } = fixFinding.request.properties
  const { fields, url, json } = readForm(args, {
    fields: { sprintId, trackId, number, file: File, ...ofTenant },
    words: { ...FINDING, file: 'the file of the fix' },
    options: { tenantId: 'tenant' },
  })
  const body = await readBody(fields.file, said, config)
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${trackPath(fields)}/findings/${fields.number}/fix${query}`
  const asked = { path, url, body, reply: fixFinding.reply, what: 'no finding', needs: WRITES }
  const fixed = await askGateway(asked, config)
  return done(fixed, { json, text: textOf(fields, fixed) })
}

/** Leaves a finding to another sprint. */
export async function carry(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...Type.Omit(carryFinding.request, ['requestId']).properties, ...ofTenant },
    words: FINDING,
    options: { to: 'to', tenantId: 'tenant' },
  })
  const query = queryOf({ tenantId: fields.tenantId })
  const path = `${trackPath(fields)}/findings/${fields.number}/carry${query}`
  const body = { to: fields.to }
  const asked = { path, url, body, reply: carryFinding.reply, what: 'no finding', needs: WRITES }
  const carried = await askGateway(asked, config)
  return done(carried, { json, text: textOf(fields, carried) })
}

function textOf(of: { sprintId: string; trackId: string }, found: Finding): string {
  const { number, severity, state, postGreen, title } = found
  const late = postGreen ? ', post-GREEN' : ''
  return linesText([
    `finding ${number} of ${trackName(of)} is ${state}: ${severity}${late}: ${title}`,
  ])
}
