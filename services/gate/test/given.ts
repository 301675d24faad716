import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bus } from '@mumega/bus'
import type { ReplyOf, RequestContract, RequestOf } from '@mumega/contracts/define'
import { SUBSTRATE, type CallContext } from '@mumega/contracts/scalars'
import type { Knex } from '@mumega/db'
import { openAdmin, startTestSuite, type TestSuite } from '@mumega/testkit'
import type { Signer } from '@mumega/tlog/note'
import { parseSignerKey } from '@mumega/tlog/signer-key'

export interface TestGate {
  readonly suite: TestSuite
  /** As the administrator, past row-level security. */
  readonly admin: Knex
  /** As the service itself sees it: nothing without a tenant. */
  readonly db: Knex
  readonly gateway: Bus
  signer(principalId: string): Signer
  call<C extends RequestContract>(
    context: CallContext,
    contract: C,
    request: Omit<RequestOf<C>, 'requestId'> & { requestId?: string },
  ): Promise<ReplyOf<C>>
  stop(): Promise<void>
}

/** The gate, and the service that knows the keys. */
export async function startTestGate(): Promise<TestGate> {
  const suite = await startTestSuite({ services: ['objectives', 'gate'] })
  const gateway = await suite.bus('gateway')
  const admin = openAdmin(suite.database.adminUrl, { schema: 'gate' })
  return {
    ...{ suite, admin, gateway },
    db: suite.database.open('gate'),
    signer(principalId) {
      const key = readFileSync(join(suite.principalsFolder, `${principalId}.key`), 'utf8')
      return parseSignerKey(key.trim())
    },
    call<C extends RequestContract>(
      context: CallContext,
      contract: C,
      request: Omit<RequestOf<C>, 'requestId'> & { requestId?: string },
    ) {
      // What only reads has no field of this name, and does not look at it.
      const whole = { requestId: randomUUID(), ...request } as RequestOf<C>
      return gateway.request(contract, whole, { context })
    },
    async stop() {
      await admin.destroy()
      await suite.stop()
    },
  }
}

export function agent(name: string, tenantId = 'acme'): CallContext {
  return { tenantId, actor: { id: `agent:${name}`, kind: 'agent' } }
}

/** An operator, whose token may do everything. */
export function operator(tenantId: string = SUBSTRATE): CallContext {
  return { tenantId, actor: { id: `operator:${randomUUID()}`, kind: 'human' } }
}

let commits = 0

/** A commit that nobody has named yet. */
export function newCommit(): string {
  commits += 1
  return createHash('sha1').update(String(commits)).digest('hex')
}

/** What an expected refusal looks like to the caller. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string; details: Record<string, unknown> }> {
  try {
    await work
  } catch (error) {
    const { code, details } = error as { code: string; details: object }
    return { code, details: { ...details } }
  }
  throw new Error('it was accepted')
}

/** Only the code. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await refusal(work)).code
}
