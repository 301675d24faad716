import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { spansOf } from './otlp.ts'
import { openTraceStore, type TraceStore } from './trace-store.ts'

const BODY_BYTES_MAX = 8 * 1_048_576
const TRACES_MAX_DEFAULT = 1_000
const CHARS_MAX = 32 * 1_048_576

export interface ReceiverOptions {
  /** Default 0: any free port. */
  readonly port?: number
  /** Traces kept; past it the oldest goes. Default 1,000. */
  readonly tracesMax?: number
}

export interface Receiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  readonly url: string
  /** The trace as `GET /traces/<id>` answers it. */
  find(traceId: string): ReturnType<TraceStore['find']>
  close(): Promise<void>
}

/**
 * Takes OTLP/HTTP JSON on `POST /v1/traces`, keeps the newest traces in memory and answers `GET
 * /traces/<id>`. Listens on 127.0.0.1 only: spans are nobody else's business.
 */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const store = openTraceStore({
    tracesMax: options.tracesMax ?? TRACES_MAX_DEFAULT,
    charsMax: CHARS_MAX,
  })
  const server = createServer((request, response) => {
    handle(store, request, response).catch(() => {
      if (!response.headersSent) answer(response, 400, { error: 'The request was cut off.' })
    })
  })
  server.requestTimeout = 10_000
  server.maxConnections = 256
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    find: (traceId) => store.find(traceId),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function handle(
  store: TraceStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').split('?')[0] ?? ''
  if (request.method === 'POST' && path === '/v1/traces') return take(store, request, response)
  const traceId = /^\/traces\/([0-9a-f]{32})$/.exec(path)?.[1]
  const found = request.method === 'GET' && traceId !== undefined ? store.find(traceId) : undefined
  if (found === undefined) answer(response, 404, { error: 'There is no such trace.' })
  else answer(response, 200, found)
}

async function take(
  store: TraceStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.headers['content-encoding'] !== undefined) {
    answer(response, 415, { error: 'Compressed bodies are not taken.' })
    return
  }
  const body = await readBody(request)
  if (body === undefined) {
    response.setHeader('connection', 'close')
    answer(response, 413, { error: `A body holds at most ${BODY_BYTES_MAX} bytes.` })
    return
  }
  const spans = spansOf(body)
  if (spans === undefined) {
    answer(response, 400, { error: 'The body is not an OTLP/HTTP JSON trace request.' })
    return
  }
  store.add(spans, body.length)
  answer(response, 200, {})
}

/** The body, or nothing when it is larger than the bound; what is over it is not kept. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
