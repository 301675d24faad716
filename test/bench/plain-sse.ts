import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What it answers when it serves. */
export interface PlainReady {
  url: string
}

/**
 * Server-sent events and nothing else, on Node's own HTTP server: what is posted is written to
 * every stream that is open, at once, without a token, a database or an order.
 */
const streams = new Set<ServerResponse>()
let id = 0
const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    streams.add(response)
    response.once('close', () => streams.delete(response))
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    id += 1
    const data = Buffer.concat(chunks).toString()
    for (const stream of streams) stream.write(`id: ${id}\nevent: message\ndata: ${data}\n\n`)
    response.writeHead(202).end()
  })
})
server.listen(0, '127.0.0.1', () => {
  // It listens on a port, and so has an address of this kind.
  const { port } = server.address() as AddressInfo
  process.send?.({ url: `http://127.0.0.1:${port}` } satisfies PlainReady)
})
// The bench has ended, however it did.
process.once('disconnect', () => process.exit(0))
