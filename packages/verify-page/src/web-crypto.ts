/**
 * What tlog asks of `node:crypto`, answered by the browser's WebCrypto. That one only answers
 * later, and tlog is not written to wait: a question without an answer gets zeros for now, and is
 * put on record; `settle` has it answered, and whoever asked asks everything again.
 */

type Answer = Uint8Array | boolean

interface PublicKey {
  readonly spki: Uint8Array
}

const HASH_BYTES = 32
const answers = new Map<string, Answer>()
let open: { question: string; answer: () => Promise<Answer> } | undefined

// SHA-256 of nothing, for which tlog asks while it is loaded.
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
answers.set(questionOf('hash', new Uint8Array()), Buffer.from(EMPTY, 'hex'))

/** This browser cannot answer at all. */
export class NoWebCrypto extends Error {}

/**
 * Runs `work` again and again until each of its questions has its answer. What it gave, or threw,
 * while one had none is dropped.
 *
 * @throws NoWebCrypto where the browser does not know Ed25519, or no WebCrypto at all
 */
export async function ask<Result>(work: () => Result): Promise<Result> {
  for (;;) {
    open = undefined
    const outcome = attempt(work)
    const asked = takeOpen()
    if (asked === undefined) {
      if ('error' in outcome) throw outcome.error
      return outcome.result
    }
    answers.set(asked.question, await asked.answer())
  }
}

function attempt<Result>(work: () => Result): { result: Result } | { error: unknown } {
  try {
    return { result: work() }
  } catch (error) {
    return { error }
  }
}

function takeOpen() {
  return open
}

export function hash(_algorithm: 'sha256', data: string | Uint8Array): Buffer {
  // A copy: tlog uses its memory again before the answer is there.
  const bytes = Uint8Array.from(Buffer.from(data))
  const known = answerOf(questionOf('hash', bytes), async () => {
    return new Uint8Array(await subtle().digest('SHA-256', bytes))
  })
  return known instanceof Uint8Array ? Buffer.from(known) : Buffer.alloc(HASH_BYTES)
}

export function createPublicKey({ key }: { key: Uint8Array }): PublicKey {
  return { spki: Uint8Array.from(key) }
}

export function verify(
  ...[, data, { spki }, signature]: [null, Uint8Array, PublicKey, Uint8Array]
): boolean {
  const [bytes, signed] = [Uint8Array.from(data), Uint8Array.from(signature)]
  const known = answerOf(questionOf('verify', spki, signed, bytes), async () => {
    const key = await importKey(spki)
    return key !== undefined && subtle().verify({ name: 'Ed25519' }, key, signed, bytes)
  })
  return known === true
}

/** Undefined for 32 bytes that are no key. */
async function importKey(spki: Uint8Array): Promise<CryptoKey | undefined> {
  try {
    return await subtle().importKey('spki', Uint8Array.from(spki), 'Ed25519', false, ['verify'])
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'DataError') return undefined
    throw new NoWebCrypto('this browser cannot check Ed25519 signatures', { cause })
  }
}

function subtle(): SubtleCrypto {
  // Absent in old browsers, and on pages that came over an insecure connection.
  const found = (globalThis as { crypto?: { subtle?: SubtleCrypto } }).crypto?.subtle
  if (found === undefined) throw new NoWebCrypto('this browser has no WebCrypto here')
  return found
}

function answerOf(question: string, answer: () => Promise<Answer>): Answer | undefined {
  const known = answers.get(question)
  if (known === undefined) open ??= { question, answer }
  return known
}

function questionOf(kind: string, ...parts: readonly Uint8Array[]): string {
  return [kind, ...parts.map((part) => Buffer.from(part).toString('latin1'))].join('\n')
}

/** The page has no private key. */
export function createPrivateKey(): never {
  throw new Error('this page signs nothing')
}

export const sign = createPrivateKey
