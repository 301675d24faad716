import { jetstreamManager } from '@nats-io/jetstream'
import { connect, nkeyAuthenticator } from '@nats-io/transport-node'
import { eventually } from '@mumega/testkit'
import { portOf, secretsOf, type GivenSuite } from './given-suite.ts'
import type { Stored } from './stored.ts'

// What a killed ledger had taken comes again after its consumer's acknowledgement time of 30 s.
const SETTLED_MS_MAX = 90_000
const DIAL_MS_MAX = 10_000

/**
 * Resolves when nothing is on its way to the ledger any more: no outbox holds an intent, and the
 * stream holds none that is not acknowledged. What is in the log now is all that there will be.
 */
export async function everythingIsSettled(suite: GivenSuite, stored: Stored): Promise<void> {
  // A server that has just been started again may leave a first caller without an answer.
  const connection = await eventually(() => connectAsAdmin(suite), {
    what: 'a connection to NATS',
    timeoutMs: 60_000,
  })
  try {
    const manager = await jetstreamManager(connection)
    const isSettled = async () => {
      if ((await stored.unpublished()) > 0) return false
      // A work queue: what is acknowledged is gone.
      return (await manager.streams.info('AUDIT')).state.messages === 0
    }
    await eventually(isSettled, {
      what: 'every intent to be in the log',
      timeoutMs: SETTLED_MS_MAX,
    })
  } finally {
    await connection.close()
  }
}

function connectAsAdmin(suite: GivenSuite) {
  const seed = new TextEncoder().encode(secretsOf(suite).natsAdminSeed)
  return connect({
    servers: `nats://127.0.0.1:${portOf(suite, 'NATS')}`,
    authenticator: nkeyAuthenticator(seed),
    timeout: DIAL_MS_MAX,
  })
}
