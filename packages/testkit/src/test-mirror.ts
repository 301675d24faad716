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

/** What `POST /store` takes; the first three must be there. */
export interface MirrorEngram {
  readonly agent: string
  readonly context_id: string
  readonly text: string
  readonly project?: string
  readonly epistemic_truths?: readonly string[]
  readonly core_concepts?: readonly string[]
  readonly tier?: string
  readonly entity_id?: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

const TIERS = ['public', 'squad', 'project', 'entity', 'private']

export interface TestMirror {
  readonly url: string
  /** By `context_id`: telling it twice is telling it once. */
  readonly held: ReadonlyMap<string, MirrorEngram>
  /** The `context_id` of each request with the right token, in order. */
  readonly asked: readonly string[]
  suffer(fault: MirrorFault | undefined): void
  stop(): Promise<void>
}

/**
 * A server that takes engrams as Mumega's Mirror does (`plugins/memory/routes.py` and
 * `kernel/types.py` of Mumega-com/mirror), on a port of its own.
 */
export async function startTestMirror(token: string): Promise<TestMirror> {
  const held = new Map<string, MirrorEngram>()
  const asked: string[] = []
  let fault: MirrorFault | undefined

  const server = await startLoopbackServer(async (request, response) => {
    const end = (status: number, headers = {}) => void response.writeHead(status, headers).end('{}')
    if (request.method !== 'POST' || request.url !== '/api/store') {
      end(404)
      return
    }
    if (request.headers.authorization !== `Bearer ${token}`) {
      end(401)
      return
    }
    const engram = (await json(request)) as MirrorEngram
    const needed = [engram.agent, engram.context_id, engram.text]
    const isWhole = needed.every((one) => typeof one === 'string')
    if (!isWhole || !TIERS.includes(engram.tier ?? 'project')) {
      end(422)
      return
    }
    asked.push(engram.context_id)
    if (typeof fault === 'object') {
      end(fault.status, fault.headers)
      return
    }
    if (fault === 'drops-connection') response.destroy()
    if (fault === undefined || fault === 'takes-and-hangs') held.set(engram.context_id, engram)
    if (fault === undefined) end(200, { 'content-type': 'application/json' })
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
