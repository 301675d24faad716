import { Type } from 'typebox'
import { getSprint, listSprints, openSprint } from '@mumega/contracts/gate'
import { askGateway } from './ask-gateway.ts'
import type { Outcome } from './command.ts'
import type { Config } from './config.ts'
import { READS, SPRINT, SPRINTS, WRITES } from './gate-parts.ts'
import { printableJson } from './printable.ts'
import { queryOf } from './query.ts'
import { ofTenant, readForm } from './read-form.ts'
import { done, linesText, tableText } from './table.ts'

export async function open(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...Type.Omit(openSprint.request, ['requestId']).properties, ...ofTenant },
    words: SPRINT,
    options: { title: 'title', note: 'note', tenantId: 'tenant' },
  })
  const { tenantId, ...body } = fields
  const path = `${SPRINTS}${queryOf({ tenantId })}`
  const asked = { path, url, body, reply: openSprint.reply, what: 'no sprint', needs: WRITES }
  const sprint = await askGateway(asked, config)
  return done(sprint, { json, text: linesText([`${sprint.sprintId} is open: ${sprint.title}`]) })
}

export async function show(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url } = readForm(args, {
    fields: { ...getSprint.request.properties, ...ofTenant },
    words: SPRINT,
    options: { tenantId: 'tenant' },
  })
  const path = `${SPRINTS}/${fields.sprintId}${queryOf({ tenantId: fields.tenantId })}`
  const asked = { path, url, reply: getSprint.reply, what: 'no sprint', needs: READS }
  return { exitCode: 0, output: printableJson(await askGateway(asked, config)) }
}

export async function list(args: readonly string[], config: Config): Promise<Outcome> {
  const { fields, url, json } = readForm(args, {
    fields: { ...ofTenant, ...Type.Partial(listSprints.request).properties },
    options: { origin: 'origin', limit: 'limit', after: 'after', tenantId: 'tenant' },
  })
  const path = `${SPRINTS}${queryOf(fields)}`
  const asked = { path, url, reply: listSprints.reply, what: 'no sprints', needs: READS }
  const page = await askGateway(asked, config)
  const text = tableText(
    { rows: page.sprints, next: page.next },
    {
      SPRINT: (row) => row.sprintId,
      ORIGIN: (row) => row.origin,
      OPENED: (row) => row.openedAt,
      BY: (row) => row.openedBy,
      TITLE: (row) => row.title,
    },
  )
  return done(page, { json, text })
}
