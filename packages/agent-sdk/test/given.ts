import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import { runFolder } from '@mumega/testkit/config'
import { startLoopbackServer, type LoopbackServer } from '@mumega/testkit/loopback-server'

interface JoinOptions {
  readonly scopes?: readonly string[]
  /** `acme`, unless it is another one, which is made. */
  readonly tenantId?: string
}

// Each costs seconds: a test of another one asks for it.
const WHAT_AGENTS_NEED = ['audit-ledger', 'bridge', 'gateway']

export interface Company {
  readonly suite: TestSuite
  readonly url: string
  readonly folder: string
  /** Asks the gateway as this token. @throws with the answer, when it refuses */
  ask(token: string, path: string, body?: object): Promise<Record<string, unknown>>
  /** A new agent's token, and its id. All that agents may have, unless scopes are named. */
  join(name: string, more?: JoinOptions): Promise<{ secret: string; tokenId: string }>
  revoke(tokenId: string): Promise<void>
  /** Killed at the end. */
  readonly started: ChildProcess[]
  stop(): Promise<void>
}

/** The real services with one tenant, `acme`. */
export async function startCompany(
  services: readonly string[] = WHAT_AGENTS_NEED,
): Promise<Company> {
  const suite = await startTestSuite({ services })
  const url = suite.gatewayUrl
  const operator = await suite.operatorToken()
  const started: ChildProcess[] = []
  const folder = mkdtempSync(join(runFolder(), 'agent-'))
  async function send(token: string, path: string, init: RequestInit) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, { headers, ...init })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  }
  const ask = (token: string, path: string, body?: object) =>
    send(token, path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })
  await ask(operator, '/v1/tenants', { tenantId: 'acme', name: 'Acme' })
  return {
    suite,
    url,
    folder,
    ask,
    async join(name, { tenantId = 'acme', ...more } = {}) {
      if (tenantId !== 'acme') await ask(operator, '/v1/tenants', { tenantId, name: tenantId })
      const joined = await ask(operator, `/v1/tenants/${tenantId}/agents`, { name, ...more })
      return joined['token'] as { secret: string; tokenId: string }
    },
    async revoke(tokenId) {
      const headers = { authorization: `Bearer ${operator}` }
      const response = await fetch(`${url}/v1/tokens/${tokenId}`, { method: 'DELETE', headers })
      if (!response.ok) throw new Error(await response.text())
    },
    started,
    async stop() {
      // Those of a test that failed, which would keep it from ending.
      for (const child of started) child.kill('SIGKILL')
      await suite.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The texts in an agent's inbox, in their order. */
export async function textsOf({ ask }: Company, token: string): Promise<string[]> {
  const page = await ask(token, '/v1/inbox?limit=100')
  return (page['messages'] as { text: string }[]).map(({ text }) => text)
}

/** What has become of a message, as its sender sees it. */
export async function stateOf(
  { ask }: Company,
  token: string,
  messageId: string,
): Promise<Record<string, unknown> | undefined> {
  const seen = await ask(token, `/v1/messages/${messageId}`)
  return (seen['deliveries'] as Record<string, unknown>[])[0]
}

/** The gateway behind something that may act before it hands on, or before it answers. */
export function startProxy(
  { url: gatewayUrl }: Pick<Company, 'url'>,
  hooks: {
    before?: (line: string) => Promise<void> | void
    after?: (line: string) => Promise<void> | void
  },
): Promise<LoopbackServer> {
  return startLoopbackServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const line = `${method} ${url}`
    await hooks.before?.(line)
    const handed = httpRequest(`${gatewayUrl}${url}`, { method, headers })
    request.pipe(handed)
    const [answered] = (await once(handed, 'response')) as [IncomingMessage]
    await hooks.after?.(line)
    response.writeHead(answered.statusCode ?? 502, answered.headers)
    answered.pipe(response)
  })
}

export interface Program {
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  /** The ids of the messages that its handler was given, over all its lives. */
  handled(): string[]
}

const PROGRAM = fileURLToPath(new URL('agent-program.js', import.meta.url))

/** An agent as a process of its own, which writes down what its handler is given. */
export function startProgram(
  { folder, started }: Company,
  agent: { url: string; token: string; name: string },
): Program {
  const log = join(folder, `${agent.name}.log`)
  const child = fork(PROGRAM, [], {
    env: {
      MUMEGA_URL: agent.url,
      MUMEGA_TOKEN: agent.token,
      JOURNAL: join(folder, `${agent.name}.journal`),
      LOG: log,
    },
  })
  started.push(child)
  return {
    process: child,
    ended: once(child, 'exit'),
    handled: () => readLines(log),
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
