import { connect, type NatsConnection } from '@nats-io/transport-node'
import { nkeyAuthenticator } from '@mumega/bus/nkeys'

/** A bare connection to NATS as the user of this seed, who may subscribe below `inboxPrefix`. */
export function connectAs(url: string, seed: string, inboxPrefix: string): Promise<NatsConnection> {
  return connect({
    servers: url,
    inboxPrefix,
    authenticator: nkeyAuthenticator(seed),
    noAsyncTraces: true,
  })
}
