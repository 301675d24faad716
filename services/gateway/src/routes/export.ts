import { Type } from 'typebox'
import type { FastifyReply } from 'fastify'
import { getCheckpoint } from '@mumega/contracts/audit-ledger'
import { exportEntries } from '@mumega/contracts/audit-search'
import type { App, Gateway } from '../app.ts'
import { auditContextOf, auditQuery, filtersOf } from '../audit-query.ts'
import { invalidField } from '../errors.ts'
import { csv } from '../exports/csv.ts'
import { openExport } from '../exports/export-log.ts'
import { openExportSlots } from '../exports/export-slots.ts'
import type { ExportFormat } from '../exports/format.ts'
import { jsonl } from '../exports/jsonl.ts'
import { ocsf } from '../exports/ocsf.ts'
import type { ExportOrder } from '../exports/read-parts.ts'
import { writeAll } from '../exports/write-all.ts'
import { closed } from '../schemas.ts'
import { sessionOf } from '../session.ts'
import { closeTrace } from '../trace-request.ts'

const FORMATS = { jsonl, ocsf, csv }

const Format = Type.Union([Type.Literal('jsonl'), Type.Literal('ocsf'), Type.Literal('csv')])
const lines = { schema: { type: 'string' } }
const exportAnswer = {
  description:
    'The entries, oldest first, and last a trailer. What ends without a trailer is incomplete.',
  content: { 'application/x-ndjson': lines, 'text/csv': lines },
}

export function addExportRoute(app: App, gateway: Gateway): void {
  const slots = openExportSlots()
  app.get(
    '/v1/audit/export',
    {
      exposeHeadRoute: false,
      config: {
        access: 'audit:read',
        calls: [getCheckpoint, exportEntries],
        problems: [
          'gateway.erasure-pending',
          'gateway.payload-missing',
          'gateway.too-many-exports',
          'gateway.stopping',
          'gateway.tenant-not-found',
        ],
      },
      schema: {
        tags: ['audit'],
        operationId: 'exportEntries',
        summary: 'The signed entries of the tenant’s chain, as a file',
        description:
          'The filters of `GET /v1/audit/entries`. An operator exports the whole log, or the ' +
          'chain of the tenant it names. `jsonl` is verified offline by `mumega audit`; `ocsf` ' +
          'is OCSF 1.8.0 API Activity; `csv` is safe to open in a spreadsheet. Two exports of an ' +
          'agent’s tenant, and four of an operator’s token, are made at once.',
        querystring: closed({
          ...auditQuery,
          format: Format,
          disclose: Type.Optional(
            Type.Boolean({ description: 'For operators: adds salts and payloads to `jsonl`.' }),
          ),
        }),
        response: { 200: exportAnswer },
      },
    },
    async (request, reply) => {
      const session = sessionOf(request)
      const { format: name, disclose = false, ...query } = request.query
      const context = await auditContextOf(gateway, session, query.tenantId)
      if (disclose && session.token.kind !== 'operator') {
        throw invalidField('disclose', 'is for operators; ask for a disclosure by its receipt')
      }
      if (disclose && name !== 'jsonl') throw invalidField('disclose', 'goes with jsonl only')
      // An agent's export is its tenant's chain, and says so in its trailer.
      const own = session.token.kind === 'operator' ? {} : { tenantId: session.token.tenantId }
      const filters = filtersOf({ ...query, ...own })
      const detach = gateway.hub.attachWait({
        tokenId: session.token.tokenId,
        doubt: () => undefined,
        stop: () => reply.raw.destroy(),
      })
      let release = (): void => undefined
      try {
        release = slots.take(session.token)
        const { note: checkpoint } = await gateway.bus.request(getCheckpoint, {}, { context })
        const format = FORMATS[name]
        const order = { session, context, filters, disclose, format, checkpoint }
        await send(gateway, reply, order)
      } finally {
        release()
        detach()
      }
    },
  )
}

async function send(gateway: Gateway, reply: FastifyReply, order: ExportOrder): Promise<void> {
  const texts = await openExport(gateway, order)
  openResponse(reply, order.format, order.context.tenantId)
  closeTrace(reply.request, 200)
  try {
    await writeAll(reply.raw, texts, gateway.config.MUMEGA_STREAM_STALL_MS)
  } catch (error) {
    // The status is out already: only a transfer that breaks off can still say that it failed.
    gateway.log.error({ error }, 'export-broke-off')
    reply.raw.destroy()
  }
}

/** From here on the response is ours: Fastify neither times it out nor ends it. */
function openResponse(reply: FastifyReply, format: ExportFormat, tenantId: string): void {
  reply.hijack()
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  reply.raw.writeHead(200, {
    'Content-Type': format.contentType,
    'Content-Disposition': `attachment; filename="audit-${tenantId}.${format.extension}"`,
  })
}
