import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node'
import type { TestNats } from '@mumega/testkit'
import { nkeyAuthenticator } from '../src/nkeys.ts'

/**
 * A bare connection as a service's user: the server must hold the rules, whatever the client's code
 * does.
 */
export async function connectUser(nats: TestNats, service: string, timeoutMs = 20_000) {
  const authenticator = nkeyAuthenticator(nats.seedOf(service))
  const inboxPrefix = `_INBOX_${service}`
  const connection = await connect({
    ...{ servers: nats.url, authenticator, inboxPrefix, timeout: timeoutMs },
  })
  const refused: string[] = []
  async function watch(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type !== 'error') continue
      const [, operation, subject] = /for (\w+) to "([^"]+)"/.exec(status.error.message) ?? []
      refused.push(`${operation} ${subject}`)
    }
  }
  void watch()
  return {
    connection,
    refused,
    /**
     * Resolves when the server has judged everything sent so far, and its refusals have been noted.
     */
    async judged() {
      // The server answers a ping after what came before it; the client hands its errors on a turn
      // later.
      await connection.flush()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

/** Asks as `caller`, whatever the question is; the first answer of `callee`. */
export async function askAs(
  connection: NatsConnection,
  { caller, callee }: { caller: string; callee: string },
  { subject, body }: { subject: string; body: string },
): Promise<Msg> {
  const reply = `_REPLY_.${caller}.${callee}.asked.once`
  const subscription = connection.subscribe(reply, { max: 1, timeout: 5_000 })
  connection.publish(subject, body, { reply })
  for await (const msg of subscription) return msg
  throw new Error(`${callee} did not answer`)
}
