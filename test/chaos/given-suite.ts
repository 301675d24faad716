import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@mumega/testkit'
import type { Secrets } from '@mumega/local/secrets'
import { ask, givenRun, type StartedRun } from '../e2e/given-run.ts'

/** The whole suite as `npm start` runs it, on a data folder of its own. */
export interface GivenSuite {
  readonly url: string
  readonly operatorToken: string
  readonly dataDir: string
  readonly run: StartedRun
  /** Ends everything that it started and removes the folder. */
  readonly clear: () => Promise<void>
}

/** An agent of a tenant, and the token that speaks for it. */
export interface Agent {
  readonly name: string
  readonly token: string
}

// Senders that try again every 25 ms would reach the limit of requests, which is not what is tried.
const RATE_LIMIT = { MUMEGA_RATE_LIMIT_PER_MINUTE: '1000000' }

/** Starts it and waits until everything serves. */
export async function givenSuite(): Promise<GivenSuite> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chaos-'))
  const run = givenRun(dataDir, RATE_LIMIT)
  const clear = async () => {
    await run.clear()
    rmSync(dataDir, { recursive: true, force: true })
  }
  try {
    const url = await run.url()
    return { url, operatorToken: run.token() ?? '', dataDir, run, clear }
  } catch (error) {
    await clear()
    throw error
  }
}

/** A new tenant with these agents. */
export async function givenTenant(
  { url, operatorToken: token }: GivenSuite,
  tenantId: string,
  names: readonly string[],
): Promise<Agent[]> {
  const body = { tenantId, name: tenantId }
  await created(`${url}/v1/tenants`, { token, body })
  const agents: Agent[] = []
  for (const name of names) {
    const made = await created(`${url}/v1/tenants/${tenantId}/agents`, { token, body: { name } })
    agents.push({ name, token: (made['token'] as { secret: string }).secret })
  }
  return agents
}

async function created(
  url: string,
  request: { token: string; body: object },
): Promise<Record<string, unknown>> {
  const answer = await ask(url, { ...request, method: 'POST' })
  if (answer.status !== 201) throw new Error(`${url}: ${JSON.stringify(answer)}`)
  return answer.body
}

/** Resolves when the gateway says that every part of the suite is well. */
export async function isReady({ url }: GivenSuite): Promise<void> {
  const look = async () => {
    const answer = await fetch(`${url}/readyz`)
    if (!answer.ok) throw new Error(await answer.text())
    return true
  }
  await eventually(look, { what: 'everything to be ready', timeoutMs: 60_000 })
}

/** Of the suite's own PostgreSQL, as its administrator. */
export function adminUrlOf(suite: GivenSuite): string {
  const port = portOf(suite, 'PostgreSQL')
  return `postgres://postgres:${secretsOf(suite).postgresPassword}@127.0.0.1:${port}/postgres`
}

/** Where a server of the suite listens, as the supervisor said when it started it. */
export function portOf({ run }: GivenSuite, server: 'NATS' | 'PostgreSQL'): string {
  const port = new RegExp(`${server}.* runs on port (\\d+)`).exec(run.output())?.[1]
  if (port === undefined) throw new Error(`no port of ${server} in: ${run.output()}`)
  return port
}

/** What only the run itself may know. */
export function secretsOf({ dataDir }: GivenSuite): Secrets {
  return JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as Secrets
}

/** The public key that receipts are checked with, as the run wrote it beside its data. */
export function vkeyOf({ dataDir }: GivenSuite): string {
  return readFileSync(join(dataDir, 'log.vkey'), 'utf8').trim()
}
