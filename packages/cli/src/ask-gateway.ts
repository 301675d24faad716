import { randomUUID } from 'node:crypto'
import { Type, type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { Scope } from '@mumega/contracts/gateway'
import { CommandError, EXIT_FAILED, usageError } from './command-error.ts'
import type { Config } from './config.ts'
import { askJson, NoAnswer, type Answer } from './get-json.ts'
import { printable } from './printable.ts'
import { readRunFile } from './run-file.ts'

const Refusal = Type.Object({ code: Type.String(), detail: Type.String() })

export interface Asked<Reply extends TSchema> {
  readonly path: string
  /** What the user named; the gateway of the local run where nothing was. */
  readonly url: string | undefined
  /** How something is changed: by POST where there is only a body. Both absent to read. */
  readonly method?: 'POST' | 'PUT'
  readonly body?: object
  readonly reply: Reply
  /** What an answer that is none lacks: `no agent`. */
  readonly what: string
  /** Whose token it takes: `an operator’s token with the scope agents:write`. */
  readonly needs: string
}

/** Whose token it takes where any that holds these will do. */
export function anyTokenWith(...scopes: readonly Scope[]): string {
  const held = scopes.length === 1 ? 'the scope' : 'the scopes'
  return `a token with ${held} ${scopes.join(' and ')}, of whomever,`
}

/** Longer than the gateway takes at most. */
const TIMEOUT_MS = 25_000
/** More than any answer has that comes over the bus. */
const BYTES_MAX = 2 * 1_048_576
/** More than any answer goes down to: JSON for people grows by each level. */
const DEPTH_MAX = 64
const CHANGE_TRIES = 2

/**
 * Asks the gateway for something, or to change something, by the token in MUMEGA_TOKEN. Each call
 * is a request of its own: whoever calls again means another one. What is not answered is asked
 * again by the same key, so that it is done once.
 *
 * @throws CommandError of exit code 64 for a URL or token that is none, of 1 when it is refused or
 * not answered
 */
export async function askGateway<Reply extends TSchema>(
  { path, url, method, body, reply, what, needs }: Asked<Reply>,
  config: Config,
): Promise<Static<Reply>> {
  const base = await gatewayOf(url, config)
  const isChange = method !== undefined || body !== undefined
  const question = {
    name: 'The gateway',
    token: tokenOf(config, needs),
    ...{ timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX },
    ...(isChange && { headers: { 'idempotency-key': randomUUID() } }),
    ...(method !== undefined && { method }),
    ...(body !== undefined && { body }),
  }
  const ask = () => askJson(`${base}${path}`, question)
  const answer = await (isChange ? askAgain(ask, CHANGE_TRIES) : ask())
  if (isDeeper(answer.body, DEPTH_MAX)) {
    throw new CommandError(EXIT_FAILED, 'The gateway’s answer is nested too deep to be shown.')
  }
  const isDone = answer.status >= 200 && answer.status < 300
  if (isDone && Value.Check(reply, answer.body)) return answer.body
  const told = Value.Check(Refusal, answer.body)
    ? `${answer.body.detail} (${answer.body.code})`
    : `The gateway answered ${answer.status}, and ${what}.`
  throw new CommandError(EXIT_FAILED, printable(told))
}

/** Has a change made that has a key. */
async function askAgain(ask: () => Promise<Answer>, tries: number): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    if (tries > 1) return askAgain(ask, tries - 1)
    const told = `${error.message} It may have been done: look before that.`
    throw new CommandError(EXIT_FAILED, told, { cause: error })
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1))
}

async function gatewayOf(url: string | undefined, config: Config): Promise<string> {
  if (url === undefined) return (await readRunFile(config)).gatewayUrl.replace(/\/$/, '')
  // A password in it would be shown wherever the URL is.
  if (!/^https?:\/\/[^/?#@]+\/?$/i.test(url) || !URL.canParse(url)) {
    throw usageError('--url is the URL of a gateway, as https://mumega.example.')
  }
  return url.replace(/\/$/, '')
}

function tokenOf({ MUMEGA_TOKEN }: Config, needs: string): string {
  if (MUMEGA_TOKEN === undefined) throw usageError(`Put ${needs} into MUMEGA_TOKEN.`)
  if (/^mmg_[a-z]+_[A-Za-z0-9_-]{43}$/.test(MUMEGA_TOKEN)) return MUMEGA_TOKEN
  // What else it may be is a secret, too: it is not shown.
  throw usageError('MUMEGA_TOKEN holds no token: they are written mmg_<kind>_<43 characters>.')
}
