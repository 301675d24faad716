import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTestSuite, type TestSuite } from '@mumega/testkit'
import { runFolder } from '@mumega/testkit/config'

export interface Company {
  readonly suite: TestSuite
  readonly url: string
  readonly folder: string
  /** Asks the gateway as this token. @throws with the answer, when it refuses */
  ask(token: string, path: string, body?: object): Promise<Record<string, unknown>>
  /** A new agent's token, and its id. */
  join(name: string): Promise<{ secret: string; tokenId: string }>
  revoke(tokenId: string): Promise<void>
  /** Killed at the end. */
  readonly started: ChildProcess[]
  stop(): Promise<void>
}

/** The real services with one tenant, `acme`. */
export async function startCompany(): Promise<Company> {
  const suite = await startTestSuite({ services: ['audit-ledger', 'bridge', 'gateway'] })
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
    async join(name) {
      const joined = await ask(operator, '/v1/tenants/acme/agents', { name })
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
