import { json } from 'node:stream/consumers'
import { startLoopbackServer } from './loopback-server.ts'

/** What a Mirror does wrong until it is told otherwise. */
export type MirrorFault =
  | 'hangs'
  /** It ends the connection, and has taken nothing. */
  | 'drops-connection'
  /** It takes the engram, and nobody hears of it. */
  | 'takes-and-hangs'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

/** An engram as it is told to a Mirror. */
export interface MirrorEngram {
  readonly context_id: string
  readonly project: string
  readonly workspace: string
  readonly truths: readonly string[]
  readonly concepts: readonly string[]
  readonly tier: string
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface TestMirror {
  readonly url: string
  /** By `context_id`: telling it twice is telling it once. */
  readonly held: ReadonlyMap<string, MirrorEngram>
  /** The `context_id` of each request with the right token, in order. */
  readonly asked: readonly string[]
  suffer(fault: MirrorFault | undefined): void
  stop(): Promise<void>
}

/** A Mirror that speaks its HTTP and remembers, on a port of its own. */
export async function startTestMirror(token: string): Promise<TestMirror> {
  const held = new Map<string, MirrorEngram>()
  const asked: string[] = []
  let fault: MirrorFault | undefined

  const server = await startLoopbackServer(async (request, response) => {
    const end = (status: number, headers = {}) => void response.writeHead(status, headers).end('{}')
    if (request.method !== 'POST' || request.url !== '/api/engrams') {
      end(404)
      return
    }
    if (request.headers.authorization !== `Bearer ${token}`) {
      end(401)
      return
    }
    const engram = (await json(request)) as MirrorEngram
    asked.push(engram.context_id)
    if (typeof fault === 'object') {
      end(fault.status, fault.headers)
      return
    }
    if (fault === 'drops-connection') response.destroy()
    if (fault === undefined || fault === 'takes-and-hangs') held.set(engram.context_id, engram)
    if (fault === undefined) end(201, { 'content-type': 'application/json' })
  })

  return {
    url: `${server.url}/api`,
    held,
    asked,
    suffer(next) {
      fault = next
    },
    stop: server.stop,
  }
}
