import { randomUUID } from 'node:crypto'
import type { ReplyOf } from '@mumega/contracts/define'
import {
  getSendPolicy,
  setSendPolicy,
  type SendPolicy,
  type SendRule,
} from '@mumega/contracts/send-policy'
import { operator, type TestBridge } from './given.ts'

export const ALLOW_ALL: SendPolicy = { default: 'allow', rules: [] }
export const DENY_ALL: SendPolicy = { default: 'deny', rules: [] }

export const allow = (from: string, to: string, more: Partial<SendRule> = {}): SendRule => ({
  ...{ from, to, effect: 'allow' },
  ...more,
})
export const deny = (from: string, to: string, more: Partial<SendRule> = {}): SendRule => ({
  ...{ from, to, effect: 'deny' },
  ...more,
})

type SetPolicy = ReplyOf<typeof setSendPolicy>

export function readPolicy(bridge: TestBridge, tenantId = 'acme'): Promise<SetPolicy> {
  return bridge.call(operator(tenantId), getSendPolicy, {})
}

/** Replaces whatever policy the tenant has. */
export async function givenPolicy(
  bridge: TestBridge,
  policy: SendPolicy,
  tenantId = 'acme',
): Promise<SetPolicy> {
  const { version: replacesVersion } = await readPolicy(bridge, tenantId)
  const request = { requestId: randomUUID(), replacesVersion, ...policy }
  return bridge.call(operator(tenantId), setSendPolicy, request)
}

const WRITTEN = ['messages', 'deliveries', 'processed_requests', 'outbox', 'send_policies'] as const

/** How many rows there are in every table that a message or a policy could write. */
export async function countRows(bridge: TestBridge): Promise<Record<string, number>> {
  const counts = WRITTEN.map((table) => `(select count(*)::int from ${table}) as ${table}`)
  const found = await bridge.admin.raw<{ rows: Record<string, number>[] }>(
    `select ${counts.join(', ')}`,
  )
  return found.rows[0] ?? {}
}
