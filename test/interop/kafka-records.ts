import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'pg'
import type { Kcat } from '@mumega/local/kcat'
import { eventually, type TestSuite } from '@mumega/testkit'
import { kafkaVersion, type Broker } from './kafka-broker.ts'
import type { Finding } from './finding.ts'
import { runCommand } from './run-command.ts'

/** Where Kafka is judged. */
export interface Ground {
  suite: TestSuite
  broker: Broker
  kcat: Kcat
  folder: string
  admin: Client
}

/** A record as kcat prints it. */
export interface Printed {
  key: string
  headers: string[]
  payload: string
}

/** Records that are to be written, all with one key. */
export interface Produced {
  topic: string
  lines: readonly string[]
  token: string
}

export const SETTLE_MS_MAX = 120_000

export async function produce(ground: Ground, { topic, lines, token }: Produced): Promise<void> {
  const { broker, kcat, folder } = ground
  const file = join(folder, 'records')
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  const to = ['-P', '-b', broker.brokers, '-t', topic, '-k', 'one-key']
  const words = [...to, '-X', 'enable.idempotence=true', '-H', `authorization=Bearer ${token}`]
  const { path, env } = kcat
  const { code, output } = await runCommand(path, [...words, '-l', file], {
    env,
    timeoutMs: 60_000,
  })
  if (code !== 0) throw new Error(`kcat -P: ${output}`)
}

/** All records of a topic, when there are so many of different message ids. */
export async function recordsOf(ground: Ground, topic: string, count: number): Promise<Printed[]> {
  let found: Printed[] = []
  await eventually(
    async () => {
      found = await recordsNow(ground, topic)
      return firstOfEach(found).length >= count
    },
    { what: `${count} records in ${topic}`, timeoutMs: SETTLE_MS_MAX },
  ).catch(() => undefined)
  return found
}

/** The records that a topic has; none where there is no such topic. */
export async function recordsNow({ kcat, broker }: Ground, topic: string): Promise<Printed[]> {
  const { path, env } = kcat
  const words = ['-C', '-b', broker.brokers, '-t', topic, '-o', 'beginning', '-e', '-q', '-J']
  const { output } = await runCommand(path, words, { env, timeoutMs: 30_000, whole: true })
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => JSON.parse(line) as Printed)
}

/** What a reader keeps who drops the message ids that it has had. */
export function firstOfEach(records: readonly Printed[]): Printed[] {
  const byId = new Map<string, Printed>()
  for (const record of records) {
    if (!byId.has(messageIdOf(record))) byId.set(messageIdOf(record), record)
  }
  return [...byId.values()]
}

export function messageIdOf(record: Printed): string {
  return headerOf(record, 'message-id')
}

export function headerOf({ headers }: Printed, name: string): string {
  return headers[headers.indexOf(name) + 1] ?? ''
}

/** The texts that an agent was sent, in order. */
export async function textsOf(
  { admin }: Ground,
  tenantId: string,
  agent: string,
): Promise<string[]> {
  const { rows } = await admin.query<{ text: string }>(
    `select text from bridge.deliveries join bridge.messages using (tenant_id, message_id)
      where tenant_id = $1 and recipient = $2 order by position`,
    [tenantId, agent],
  )
  return rows.map(({ text }) => text)
}

export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, nth) => String(nth))
}

export function findingOf(checked: string, isPassed: boolean, reason: string): Finding {
  const result = isPassed ? 'passed' : 'failed'
  return { tool: 'Kafka', version: kafkaVersion(), checked, result, reason }
}
