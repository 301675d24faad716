import { Type } from 'typebox'
import { FoundEntry, searchEntries } from '@mumega/contracts/audit-search'
import type { App, Gateway } from '../app.ts'
import { auditContextOf, auditQuery, filtersOf } from '../audit-query.ts'
import { answer, closed, Limit, PAGE_DEFAULT } from '../schemas.ts'
import { sessionOf } from '../session.ts'

const Order = Type.Union([Type.Literal('newest'), Type.Literal('oldest')], {
  description: 'In the order of the log. Default `newest`.',
})
const { cursor } = searchEntries.request.properties
const { entries: _entries, ...rest } = searchEntries.reply.properties

const Found = Type.Object({
  entries: Type.Array(
    Type.Object({
      ...FoundEntry.properties,
      receipt: Type.String({ description: 'The path of the entry’s receipt.' }),
    }),
  ),
  ...rest,
})

export function addEntryRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/v1/audit/entries',
    {
      config: {
        access: 'audit:read',
        calls: [searchEntries],
        problems: ['gateway.tenant-not-found'],
      },
      schema: {
        tags: ['audit'],
        operationId: 'searchEntries',
        summary: 'Entries of the tenant’s chain, by actor, action, target, time, phase and trace',
        description:
          'All that is named must hold. An operator searches every chain, or that of the tenant ' +
          'it names. `complete` is false while the index lags, by `lag` entries, or is mended: ' +
          'then something may be missing. What is there was read from the log.',
        querystring: closed({
          ...auditQuery,
          order: Type.Optional(Order),
          cursor,
          limit: Limit,
        }),
        response: { 200: answer('A page of entries.', Found) },
      },
    },
    async (request) => {
      const { order = 'newest', limit = PAGE_DEFAULT, cursor: after, ...query } = request.query
      const context = await auditContextOf(gateway, sessionOf(request), query.tenantId)
      const page = { order, limit, ...(after !== undefined && { cursor: after }) }
      const found = await gateway.bus.request(
        searchEntries,
        { ...filtersOf(query), ...page },
        { context },
      )
      return {
        ...found,
        entries: found.entries.map((entry) => ({ ...entry, receipt: receiptOf(entry) })),
      }
    },
  )
}

function receiptOf({ source, id }: { source: string; id: string }): string {
  return `/v1/audit/receipts/${source}/${id}`
}
