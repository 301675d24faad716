import { connect, type NatsConnection } from '@nats-io/transport-node'
import { nkeyAuthenticator } from '@mumega/bus/nkeys'
import { provisionTopology } from '@mumega/bus/streams'
import { AppError } from '@mumega/errors'

export interface BusAdmin {
  natsUrl: string
  /** The seed of the one user who may create streams. */
  adminSeed: string
  /** Servers that hold each stream: 1 when absent, 3 in a cluster. */
  replicas?: number
}

const CONNECT_MS_MAX = 5_000

/**
 * Creates or updates the streams and consumers of the topology, as the administrator.
 *
 * @throws local.nats-refused, and what provisioning itself throws
 */
export async function provisionBus(admin: BusAdmin): Promise<void> {
  const connection = await connectAsAdmin(admin)
  try {
    await provisionTopology(connection, { replicas: admin.replicas ?? 1 })
  } finally {
    await connection.close()
  }
}

async function connectAsAdmin({ natsUrl, adminSeed }: BusAdmin): Promise<NatsConnection> {
  try {
    return await connect({
      servers: natsUrl.split(','),
      authenticator: nkeyAuthenticator(adminSeed),
      name: 'mumega-start',
      timeout: CONNECT_MS_MAX,
      reconnect: false,
    })
  } catch (cause) {
    throw new AppError(
      'local.nats-refused',
      'unavailable',
      `NATS at ${natsUrl} does not answer the administrator: ${cause instanceof Error ? cause.message : 'no reason'}.`,
      { cause },
    )
  }
}
