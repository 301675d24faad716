import { randomUUID } from 'node:crypto'
import { jetstream } from '@nats-io/jetstream'
import type { Client } from 'pg'
import type { Bus } from '@mumega/bus'
import { eventually } from '@mumega/testkit'

const PACKED = 64

/** The log of a suite, as a producer and its database's administrator see it. */
export interface GrowingLog {
  bus: Bus
  admin: Client
}

/**
 * Waits until nothing is on its way, then adds what is missing to exactly `size` signed entries.
 */
export async function growTo({ admin, bus }: GrowingLog, size: number): Promise<void> {
  const before = await eventually(() => sizeAtRest(admin), { what: 'the log is at rest' })
  await publish(bus, { from: before, to: size })
  await eventually(async () => (await sizeAtRest(admin)) === size, {
    what: `${size} signed entries`,
    timeoutMs: 60_000,
  })
}

/** Publishes intents, numbered from `from` up to `to`, of a content that no other call makes. */
export async function publish(bus: Bus, { from, to }: { from: number; to: number }): Promise<void> {
  const stream = jetstream(bus.connection)
  for (let at = from; at < to; at += PACKED) {
    const intents = Array.from({ length: Math.min(PACKED, to - at) }, (_, nth) =>
      intentOf(at + nth),
    )
    await stream.publish(`aud.${bus.service}.v1.append`, JSON.stringify({ intents }))
  }
}

/** The size of the log where all of it is signed and no service has more to say. */
async function sizeAtRest(admin: Client): Promise<number | undefined> {
  const answer = await admin.query<{ size: string }>(
    `select size from audit_ledger.log_head
      where size = (select max(size) from audit_ledger.checkpoints)
        and not exists (select from gateway.outbox) and not exists (select from bridge.outbox)`,
  )
  const [row] = answer.rows
  return row && Number(row.size)
}

function intentOf(number: number) {
  return {
    id: randomUUID(),
    number: number + 1,
    chain: `tenant-${number % 7}`,
    time: '2026-11-21T08:00:00.000Z',
    actor: { id: 'agent:writer', kind: 'agent' },
    action: 'message.accepted',
    target: `message:${randomUUID()}`,
    phase: 'fact',
    payload: { number },
  }
}
