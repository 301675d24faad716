import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyReply } from 'fastify'
import { getCheckpoint, getTile } from '@mumega/contracts/audit-ledger'
import { parseTilePath } from '@mumega/tlog/tiles'
import type { App, Gateway } from '../app.ts'
import { noCheckpoint, noTile } from '../errors.ts'
import { readTile } from '../read-tile.ts'
import { textAnswer } from '../schemas.ts'
import { contextOf, sessionOf } from '../session.ts'

const tags = ['log']
const compress = promisify(gzip)
const NEVER_CHANGES = 'max-age=31536000, immutable'

/**
 * The log as C2SP tlog-tiles serves it, so that anybody's tools can read it whole. Behind a token
 * with `log:read`: the entries of every tenant are in it.
 */
export function addLogRoutes(app: App, gateway: Gateway): void {
  app.get(
    '/log/checkpoint',
    {
      config: {
        access: 'log:read',
        calls: [getCheckpoint],
        problems: ['gateway.checkpoint-absent'],
      },
      schema: {
        tags,
        operationId: 'getLogCheckpoint',
        summary: 'The newest signed checkpoint of the log',
        response: { 200: textAnswer('A C2SP signed note.') },
      },
    },
    async (request, reply) => {
      const context = contextOf(sessionOf(request))
      const { note } = await gateway.bus.request(getCheckpoint, {}, { context })
      if (note === undefined) throw noCheckpoint()
      return reply.type('text/plain; charset=utf-8').header('Cache-Control', 'no-cache').send(note)
    },
  )

  // Without a schema of its parameters: TypeBox cannot convert one of the name `*`.
  app.get<{ Params: { '*': string } }>(
    '/log/tile/*',
    {
      config: { access: 'log:read', calls: [getTile] },
      schema: {
        tags,
        operationId: 'getLogTile',
        summary: 'A hash tile or an entry bundle',
        description:
          'The path is that of C2SP tlog-tiles: `<level>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, ' +
          'N in groups of three digits.',
        response: { 200: textAnswer('Its bytes.', 'application/octet-stream') },
      },
    },
    async (request, reply) => {
      const tile = parseTilePath(`tile/${request.params['*']}`)
      if (tile === undefined) throw noTile()
      const bytes = await readTile(gateway, contextOf(sessionOf(request)), tile)
      void reply.header('Cache-Control', NEVER_CHANGES)
      // Hashes do not become smaller.
      const isPacked = tile.level === 'entries' && takesGzip(request.headers['accept-encoding'])
      if (tile.level === 'entries') void reply.header('Vary', 'Accept-Encoding')
      if (isPacked) void reply.header('Content-Encoding', 'gzip')
      return sendBytes(reply, isPacked ? await compress(bytes) : bytes)
    },
  )
}

function takesGzip(accepted: string | undefined): boolean {
  return /(^|[ ,])gzip(;q=(1|0\.[0-9]*[1-9]))?([ ,]|$)/.test(accepted ?? '')
}

function sendBytes(reply: FastifyReply, bytes: Buffer): FastifyReply {
  return reply.type('application/octet-stream').send(bytes)
}
