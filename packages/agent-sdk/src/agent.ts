import { randomUUID } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import {
  broadcastMessage,
  listAgents,
  sendMessage,
  type Agent as Peer,
} from '@mumega/contracts/bridge'
import { BodyName } from '@mumega/contracts/deliveries'
import { AgentName, TenantId, Uuid } from '@mumega/contracts/scalars'
import { AppError } from '@mumega/errors'
import { invalidOption } from './errors.ts'
import { askGateway, badAnswer, type Gateway } from './gateway.ts'
import { openJournal, openMemory } from './journal.ts'
import { memoryOf, type Memory } from './memory.ts'
import { openRate } from './rate.ts'
import { realTime } from './time.ts'
import { checkConcurrency, workOn, type Handler, type WorkOptions } from './work.ts'

export type { Memory, ObjectivesQuery, OnceOptions, RecallQuery, WorkContent } from './memory.ts'
export { Rejection, type Handler, type Work, type WorkOptions } from './work.ts'

export interface AgentOptions {
  /** The gateway, as `https://mumega.example`. */
  url: string
  /** The agent's token. */
  token: string
  /**
   * Names the place from which the agent works, in lower-case letters, digits and hyphens. Each
   * body gets every message of the agent. Two processes of one body share its mail. Default `main`.
   */
  body?: string
  /**
   * A file that remembers what was done, so that no message is worked on twice, also after a crash.
   * Without it a crash may repeat the last one. It is this agent's and body's alone, and one
   * process of a machine has it at a time.
   */
  journal?: string
}

/** What a message may say of itself besides its text. */
export interface MessageOptions {
  contentType?: 'text/plain' | 'text/markdown'
  replyTo?: string
  correlationId?: string
  /** ISO 8601. Without it the message waits for ever. */
  expiresAt?: string
}

/** An agent on the bus. Every call asks again by itself while the gateway is away for a while. */
export interface Agent extends Memory {
  readonly name: string
  readonly tenantId: string
  /** Stored and in the inbox of `to` when it resolves; the message's id. */
  send(to: string, text: string, options?: MessageOptions): Promise<string>
  /** To every other agent of the tenant. */
  broadcast(
    text: string,
    options?: MessageOptions,
  ): Promise<{ messageId: string; recipients: number }>
  /** The answer; undefined when there was none in time. Up to 120 s, 30 by default. */
  ask(
    to: string,
    question: string,
    options?: { timeoutSeconds?: number },
  ): Promise<string | undefined>
  /** All agents of the tenant, sorted by name. */
  peers(): Promise<Peer[]>
  /**
   * Works on what comes in, until the signal.
   *
   * @throws agent-sdk.journal-unusable, .journal-in-use, .journal-of-another, and as `workOn`
   */
  work(handler: Handler, options?: WorkOptions): Promise<void>
}

const Identity = Type.Object({
  tenantId: TenantId,
  agent: Type.Optional(AgentName),
})

const Asked = Type.Object({
  answered: Type.Boolean(),
  messageId: Uuid,
  answer: Type.Optional(Type.Object({ text: Type.String() })),
})

const ASK_SECONDS_DEFAULT = 30
// What the gateway needs to answer after the deadline.
const ASK_MARGIN_MS = 10_000
const PEERS_PAGE = 200
// Twenty thousand agents.
const PEERS_PAGES_MAX = 100
// What a header may hold of a token (RFC 6750, section 2.1).
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

/**
 * Who the token proves the caller to be, on the bus.
 *
 * @throws agent-sdk.invalid-option, agent-sdk.not-an-agent, agent-sdk.no-answer, and the codes of
 * the gateway, such as gateway.token-revoked
 */
export async function connectAgent(options: AgentOptions): Promise<Agent> {
  const { token, body = 'main', journal } = options
  if (!TOKEN.test(token)) {
    throw invalidOption('token', 'is what `mumega agent join` printed, with no space or line break')
  }
  const time = realTime
  const there = { url: baseUrlOf(options.url), token, time, rate: openRate(time) }
  if (!Value.Check(BodyName, body)) {
    throw invalidOption('body', 'is a lower-case letter, then at most 62 letters, digits, hyphens')
  }
  const identity = await askGateway(
    { ...there, isKnown: false },
    { path: '/v1/whoami', reply: Identity },
  )
  const gateway = { ...there, isKnown: true }
  const { tenantId, agent: name } = identity
  if (name === undefined) {
    throw new AppError(
      'agent-sdk.not-an-agent',
      'forbidden',
      'The token is an operator’s. Use the one that `mumega agent join` printed.',
    )
  }
  return {
    name,
    tenantId,
    ...talk(gateway),
    ...memoryOf(gateway),
    async work(handler, workOptions = {}) {
      checkConcurrency(workOptions)
      const owner = { tenantId, agent: name, body }
      const done = journal === undefined ? openMemory() : await openJournal(journal, owner)
      try {
        await workOn({ gateway, body, journal: done }, handler, workOptions)
      } finally {
        await done.close()
      }
    },
  }
}

function talk(gateway: Gateway): Pick<Agent, 'send' | 'broadcast' | 'ask' | 'peers'> {
  const post = { method: 'POST' as const }
  return {
    async send(to, text, options = {}) {
      const { messageId } = await askGateway(gateway, {
        ...post,
        path: '/v1/messages',
        body: { to, text, ...options },
        idempotencyKey: randomUUID(),
        reply: sendMessage.reply,
      })
      return messageId
    },
    async broadcast(text, options = {}) {
      const { messageId, recipients } = await askGateway(gateway, {
        ...post,
        path: '/v1/broadcasts',
        body: { text, ...options },
        idempotencyKey: randomUUID(),
        reply: broadcastMessage.reply,
      })
      return { messageId, recipients }
    },
    async ask(to, question, { timeoutSeconds = ASK_SECONDS_DEFAULT } = {}) {
      const asked: Static<typeof Asked> = await askGateway(gateway, {
        ...post,
        path: '/v1/asks',
        body: { to, text: question, timeoutSeconds },
        // The same key goes on waiting, and does not ask again.
        idempotencyKey: randomUUID(),
        reply: Asked,
        timeoutMs: timeoutSeconds * 1_000 + ASK_MARGIN_MS,
      })
      return asked.answer?.text
    },
    async peers() {
      const all: Peer[] = []
      let path = `/v1/peers?limit=${PEERS_PAGE}`
      for (let pages = 1; ; pages += 1) {
        const { agents, next } = await askGateway(gateway, { path, reply: listAgents.reply })
        all.push(...agents)
        if (next === undefined) return all
        const nextPath = `/v1/peers?limit=${PEERS_PAGE}&after=${next}`
        if (nextPath === path || pages === PEERS_PAGES_MAX) throw badAnswer(path)
        path = nextPath
      }
    },
  }
}

function baseUrlOf(url: string): string {
  if (/^https?:\/\/[^/?#]+\/?$/.test(url)) return url.replace(/\/$/, '')
  throw invalidOption('url', 'is the URL of a gateway, as https://mumega.example')
}
