import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '@mumega/tlog/checkpoint'
import { EMPTY_ROOT, verifyConsistency } from '@mumega/tlog/merkle'
import {
  COSIGNATURE,
  cosign,
  generateVkey,
  NoteError,
  openNote,
  parseVkey,
  signerFromSeed,
  type Signer,
} from '@mumega/tlog/note'
import { parseAddCheckpoint, SIZE_MEDIA_TYPE, type AddCheckpoint } from '@mumega/tlog/witness'
import { startLoopbackServer } from './loopback-server.ts'

/** What a witness does wrong, or what goes wrong with it, until it is told otherwise. */
export type WitnessFault =
  /** It takes the request and does not answer it. */
  | 'hangs'
  /** It ends the connection in the middle of its answer. */
  | 'drops-connection'
  | 'answers-too-much'
  /** Its cosignature has a flipped bit. */
  | 'forges'
  /** It cosigns another root of the same size. */
  | 'cosigns-another-root'
  | 'cosigns-with-another-key'
  | 'cosigns-in-the-past'
  | 'cosigns-in-the-future'
  /** As omniwitness answers another root. */
  | 'conflicts-without-size'
  | 'repeats-its-size'
  | 'answers-nonsense'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }

export interface TestWitness {
  readonly name: string
  readonly vkey: string
  /** Its submission prefix. */
  readonly url: string
  /** Sizes that it cosigned, in order, also across restarts. */
  readonly cosigned: readonly number[]
  /** Old sizes that it was asked from, in order. */
  readonly askedFrom: readonly number[]
  /** Requests that it has not answered yet, at most so far. */
  readonly atOnceMax: number
  /** Its memory: what it cosigned last. */
  remembered(): { size: number; root: Buffer } | undefined
  /** Sets its memory back, as a restart from an old copy does. */
  remember(state: { size: number; root: Buffer } | undefined): void
  suffer(fault: WitnessFault | undefined): void
  stop(): Promise<void>
}

export interface TestWitnessOptions {
  name: string
  /** 32 bytes; another key for another seed. */
  seed: Uint8Array
  /** The log that it knows. */
  logVkey: string
}

interface Answer {
  status: number
  headers?: Readonly<Record<string, string>>
  body?: string
}

const DAY_SECONDS = 86_400

/**
 * A witness of C2SP tlog-witness with a key and a memory of its own, on a port of its own: a
 * stranger, and so the only thing of this kind that may be faked.
 */
export async function startTestWitness(options: TestWitnessOptions): Promise<TestWitness> {
  const { name, seed, logVkey } = options
  const signer = signerFromSeed(name, seed, COSIGNATURE)
  const [cosigned, askedFrom]: [number[], number[]] = [[], []]
  let [memory, fault]: [State | undefined, WitnessFault | undefined] = [undefined, undefined]

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url !== '/w/add-checkpoint') {
      send(response, { status: 404 })
      return
    }
    const body = await text(request)
    const early = answerEarly(fault, response)
    if (early === 'done') return
    if (early !== undefined) {
      send(response, early)
      return
    }
    const judged = judge(body, { logVkey, memory })
    if ('oldSize' in judged) askedFrom.push(judged.oldSize)
    if (judged.checkpoint === undefined || fault === 'repeats-its-size') {
      send(response, fault === 'repeats-its-size' ? repeatSize(memory) : judged)
      return
    }
    memory = { size: judged.checkpoint.size, root: judged.checkpoint.root }
    cosigned.push(memory.size)
    send(response, { status: 200, body: linesOf(judged.checkpoint, signer, fault) })
  }

  const server = await startLoopbackServer(answer)

  return {
    name,
    vkey: generateVkey(name, signer.publicKey, COSIGNATURE),
    url: `${server.url}/w`,
    cosigned,
    askedFrom,
    get atOnceMax() {
      return server.atOnceMax()
    },
    remembered: () => memory,
    remember(state) {
      memory = state
    },
    suffer(next) {
      fault = next
    },
    stop: server.stop,
  }
}

interface State {
  size: number
  root: Buffer
}

interface Judged extends Answer {
  oldSize?: number
  /** What it cosigns. */
  checkpoint?: Checkpoint
}

/** The checks of C2SP tlog-witness, in its order. */
function judge(body: string, known: { logVkey: string; memory: State | undefined }): Judged {
  let submission: AddCheckpoint
  let checkpoint: Checkpoint
  try {
    submission = parseAddCheckpoint(body)
    checkpoint = parseCheckpoint(openNote(submission.checkpoint, [parseVkey(known.logVkey)]).text)
  } catch (error) {
    return { status: error instanceof NoteError && error.fault !== 'malformed' ? 403 : 400 }
  }
  const { oldSize, proof } = submission
  const { size = 0, root = EMPTY_ROOT } = known.memory ?? {}
  if (checkpoint.origin !== parseVkey(known.logVkey).name) return { status: 404, oldSize }
  if (oldSize > checkpoint.size) return { status: 400, oldSize }
  if (oldSize !== size) return { ...repeatSize(known.memory), oldSize }
  if (size === checkpoint.size && !root.equals(checkpoint.root)) return { status: 409, oldSize }
  const claim = {
    oldSize,
    newSize: checkpoint.size,
    oldRoot: root,
    newRoot: checkpoint.root,
    proof,
  }
  if (!verifyConsistency(claim)) return { status: 422, oldSize }
  return { status: 200, oldSize, checkpoint }
}

function repeatSize(memory: State | undefined): Answer {
  const headers = { 'content-type': SIZE_MEDIA_TYPE }
  return { status: 409, headers, body: `${memory?.size ?? 0}\n` }
}

/** The faults for which it does not matter what was asked. */
function answerEarly(
  fault: WitnessFault | undefined,
  response: ServerResponse,
): Answer | 'done' | undefined {
  if (typeof fault === 'object') return fault
  switch (fault) {
    case 'hangs':
      return 'done'
    case 'drops-connection':
      response.writeHead(200, { 'content-length': '300' })
      response.write('— half of a line', () => response.destroy())
      return 'done'
    case 'answers-too-much':
      return { status: 200, body: `— x ${'A'.repeat(1_000_000)}\n` }
    case 'answers-nonsense':
      return { status: 200, body: 'thank you' }
    case 'conflicts-without-size':
      return { status: 409 }
    default:
      return undefined
  }
}

function linesOf(seen: Checkpoint, signer: Signer, fault: WitnessFault | undefined): string {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const body = formatCheckpoint(seen)
  switch (fault) {
    case 'forges':
      return flipped(cosign(body, signer, nowSeconds))
    case 'cosigns-another-root':
      return cosign(formatCheckpoint({ ...seen, root: Buffer.alloc(32, 7) }), signer, nowSeconds)
    case 'cosigns-with-another-key': {
      const other = signerFromSeed(signer.name, Buffer.alloc(32, 99), COSIGNATURE)
      return cosign(body, other, nowSeconds)
    }
    case 'cosigns-in-the-past':
      return cosign(body, signer, nowSeconds - DAY_SECONDS)
    case 'cosigns-in-the-future':
      return cosign(body, signer, nowSeconds + DAY_SECONDS)
    default:
      return cosign(body, signer, nowSeconds)
  }
}

/** The line with one bit of its signature flipped. */
function flipped(line: string): string {
  const [dash = '', name = '', encoded = ''] = line.trimEnd().split(' ')
  const bytes = Buffer.from(encoded, 'base64')
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  return `${dash} ${name} ${bytes.toString('base64')}\n`
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(body)
}
