import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'

/** What stands before a broker: TLS, a password, and topics that are not there. */
export interface Front {
  /** As `KAFKA_BROKERS` takes it. */
  readonly brokers: string
  /** Topics that it says do not exist, and that nobody can make through it. */
  readonly absent: Set<string>
  /** Clients whose password was right, and those whose was wrong. */
  readonly seen: { admitted: number; refused: number }
  /** Shows another certificate from now on. */
  show(certificate: Certificate): void
  /** Takes another password from now on. */
  expect(password: string): void
  stop(): Promise<void>
}

export interface Certificate {
  readonly key: string
  readonly cert: string
}

export interface FrontOptions {
  readonly certificate?: Certificate
  /** Of the user `mumega`, by SASL PLAIN; whoever wants may come where there is none. */
  readonly password?: string
}

interface State {
  readonly upstreamPort: number
  readonly ownPort: number
  readonly absent: ReadonlySet<string>
  readonly seen: Front['seen']
  readonly password: string | undefined
}

// Of the protocol: https://kafka.apache.org/protocol#protocol_api_keys and its error codes.
const METADATA = 3
const SASL_HANDSHAKE = 17
const API_VERSIONS = 18
const SASL_AUTHENTICATE = 36
const UNKNOWN_TOPIC_OR_PARTITION = 3
const SASL_AUTHENTICATION_FAILED = 58

/** Stands before librdkafka's broker, which knows neither TLS nor passwords and makes any topic. */
export async function startFront(
  upstream: string,
  { certificate, password: first }: FrontOptions = {},
): Promise<Front> {
  const absent = new Set<string>()
  const seen = { admitted: 0, refused: 0 }
  const sockets = new Set<Socket>()
  let password = first
  const onClient = (client: Socket | TLSSocket): void => {
    sockets.add(client)
    client.once('close', () => sockets.delete(client))
    const upstreamPort = Number(upstream.split(':').at(-1))
    serve(client, { upstreamPort, ownPort: port(), absent, seen, password })
  }
  const tls = certificate === undefined ? undefined : createTlsServer(certificate, onClient)
  // A client that does not trust the certificate breaks off: that is what is tested.
  tls?.on('tlsClientError', () => undefined)
  const server = tls ?? createServer(onClient)
  const port = (): number => (server.address() as AddressInfo).port
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    brokers: `127.0.0.1:${port()}`,
    absent,
    seen,
    show: (other) => tls?.setSecureContext(other),
    expect(other) {
      password = other
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function serve(client: Socket, state: State): void {
  const upstream = connect(state.upstreamPort, '127.0.0.1')
  const askedForVersions = new Set<number>()
  let isAdmitted = state.password === undefined
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', () => other.destroy()).once('close', () => other.destroy())
  }
  const reply = (request: Buffer, ...parts: Buffer[]): void => {
    client.write(framed(Buffer.concat([request.subarray(4, 8), ...parts])))
  }
  client.on(
    'data',
    eachFrame((request) => {
      const apiKey = request.readInt16BE(0)
      if (apiKey === SASL_HANDSHAKE) reply(request, int16(0), int32(1), text('PLAIN'))
      else if (apiKey === SASL_AUTHENTICATE) {
        isAdmitted = request.toString().endsWith(`\0mumega\0${state.password ?? ''}`)
        state.seen[isAdmitted ? 'admitted' : 'refused'] += 1
        reply(request, ...authenticated(request.readInt16BE(2), isAdmitted))
      } else if (!isAdmitted && apiKey !== API_VERSIONS) client.destroy()
      else if (apiKey === METADATA && namesAbsent(request, state)) {
        reply(request, ...nothingKnown(request, state))
      } else {
        if (apiKey === API_VERSIONS) askedForVersions.add(request.readInt32BE(4))
        upstream.write(framed(request))
      }
    }),
  )
  upstream.on(
    'data',
    eachFrame((answer) => {
      const isVersions = askedForVersions.delete(answer.readInt32BE(0))
      client.write(framed(isVersions ? withSasl(answer) : readdressed(answer, state)))
    }),
  )
}

function authenticated(version: number, isAdmitted: boolean): Buffer[] {
  const outcome = isAdmitted
    ? [int16(0), int16(-1)]
    : [int16(SASL_AUTHENTICATION_FAILED), text('Authentication failed: wrong password')]
  return [...outcome, int32(0), ...(version > 0 ? [Buffer.alloc(8)] : [])]
}

/** The names in a request for metadata; of all topics none is asked for by name. */
function topicsOf(request: Buffer): string[] {
  const start = 10 + Math.max(request.readInt16BE(8), 0)
  const names: string[] = []
  let at = start + 4
  for (let left = request.readInt32BE(start); left > 0; left -= 1) {
    const end = at + 2 + request.readInt16BE(at)
    names.push(request.toString('utf8', at + 2, end))
    at = end
  }
  return names
}

function namesAbsent(request: Buffer, { absent }: State): boolean {
  return topicsOf(request).some((name) => absent.has(name))
}

/** Metadata, up to version 2, of the topics that are absent: a client believes none of the rest. */
function nothingKnown(request: Buffer, { absent, ownPort }: State): Buffer[] {
  const version = request.readInt16BE(2)
  if (version > 2) throw new Error(`metadata of version ${version} are not known here`)
  const since = (first: number, part: Buffer) => (version >= first ? [part] : [])
  const topics = topicsOf(request).filter((name) => absent.has(name))
  return [
    ...[int32(1), int32(1), text('127.0.0.1'), int32(ownPort), ...since(1, int16(-1))],
    ...[...since(2, int16(-1)), ...since(1, int32(-1)), int32(topics.length)],
    ...topics.flatMap((name) => [
      ...[int16(UNKNOWN_TOPIC_OR_PARTITION), text(name), ...since(1, Buffer.alloc(1)), int32(0)],
    ]),
  ]
}

/** The broker's versions, and those of SASL. */
function withSasl(answer: Buffer): Buffer {
  const entries = [SASL_HANDSHAKE, SASL_AUTHENTICATE].map((key) =>
    Buffer.concat([int16(key), int16(0), int16(1)]),
  )
  const count = answer.readInt32BE(6) + entries.length
  return Buffer.concat([answer.subarray(0, 6), int32(count), ...entries, answer.subarray(10)])
}

/** Brokers say where they are: here, for whoever comes through here. */
function readdressed(answer: Buffer, { upstreamPort, ownPort }: State): Buffer {
  const address = Buffer.concat([text('127.0.0.1'), int32(upstreamPort)])
  for (let at = answer.indexOf(address); at >= 0; at = answer.indexOf(address, at + 1)) {
    answer.writeInt32BE(ownPort, at + address.length - 4)
  }
  return answer
}

/** Cuts what arrives into frames: four bytes of length, and so many. */
function eachFrame(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  let waiting = Buffer.alloc(0)
  return (chunk) => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const end = 4 + waiting.readInt32BE(0)
      onFrame(Buffer.from(waiting.subarray(4, end)))
      waiting = waiting.subarray(end)
    }
  }
}

const framed = (frame: Buffer): Buffer => Buffer.concat([int32(frame.length), frame])

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const text = (value: string): Buffer =>
  Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
