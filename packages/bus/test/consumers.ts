import { jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { v7 as uuidv7 } from 'uuid'
import type { Bus } from '@mumega/bus'
import type { deadLettered } from '@mumega/contracts/dead-letters'
import type { PayloadOf } from '@mumega/contracts/define'
import { eventually } from '@mumega/testkit'

export type DeadLetter = PayloadOf<ReturnType<typeof deadLettered>>

export const LETTERS = { stream: 'EVENTS', consumer: 'bridge-dead-letters' }
export const INTENTS = { stream: 'AUDIT', consumer: 'audit-ledger' }

/** How long the server waits for an acknowledgement after `emptyConsumers`. */
export const ACK_WAIT_MS = 1_000

/** Gives both consumers a fresh start: nothing of what is stored waits, and waits are short. */
export async function emptyConsumers(admin: Bus): Promise<void> {
  const manager = await jetstreamManager(admin.connection)
  for (const { stream, consumer } of [LETTERS, INTENTS]) {
    const { config } = await manager.consumers.info(stream, consumer)
    await manager.consumers.delete(stream, consumer)
    // A queue has no past: what was acknowledged is gone.
    const policy = stream === 'AUDIT' ? 'all' : 'new'
    const fresh = { deliver_policy: policy, ack_wait: nanos(ACK_WAIT_MS) } as const
    await manager.consumers.add(stream, { ...config, ...fresh })
  }
}

/** Resolves when everything is acknowledged or given up: nothing waits and nothing is out. */
export function settled(admin: Bus, { stream, consumer } = LETTERS): Promise<boolean> {
  return eventually(
    async () => {
      const manager = await jetstreamManager(admin.connection)
      const { num_pending, num_ack_pending } = await manager.consumers.info(stream, consumer)
      return num_pending === 0 && num_ack_pending === 0
    },
    { what: `${consumer} to settle` },
  )
}

/** A dead letter of the gateway's: the one kind of event that the bridge consumes. */
export function givenLetter(reason: string): DeadLetter {
  return {
    deadLetterId: uuidv7(),
    service: 'gateway',
    consumer: 'gateway-something',
    subject: 'evt.bridge.v1.test-happened',
    headers: {},
    body: '',
    reason,
    deliveries: 1,
    occurredAt: new Date().toISOString(),
  }
}
