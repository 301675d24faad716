import { AppError } from '@mumega/errors'
import { RIGHTS, type ServiceRights } from '@mumega/contracts/topology'
import { LIVE_PREFIX } from './topology-names.ts'
import { INBOX_PREFIX, SERVER_PAYLOAD_BYTES_MAX } from './wire.ts'

export interface NatsConfigOptions {
  /** -1: any free port, told in the file of `portsFileDir`. */
  readonly port: number
  readonly host: string
  readonly storeDir: string
  /** Public nkey of each service of RIGHTS. */
  readonly users: Readonly<Record<string, string>>
  /** May do everything: provisions the streams, and is held by no service. */
  readonly adminPublicNkey: string
  readonly pidFile?: string
  /** The server writes `<program>_<pid>.ports` there. */
  readonly portsFileDir?: string
  readonly clusterOptions?: ClusterOptions
}

export interface ClusterOptions {
  readonly clusterName: string
  readonly serverName: string
  readonly host: string
  readonly port: number
  /** `host:port` of the other servers. */
  readonly routes: readonly string[]
  /** Shared by the servers: a route is a way around every permission. */
  readonly password: string
}

const CONNECTIONS_MAX = 256
const FILE_STORE_BYTES_MAX = 20 * 1_073_741_824
const MEMORY_STORE_BYTES_MAX = 64 * 1_048_576
// Longer than the longest handler may answer; the server keeps one entry per open request for that time.
const RESPONSE_SECONDS_MAX = 180

/**
 * The configuration of a nats-server with one user per service, each allowed its own subjects only. Everything is
 * derived from RIGHTS; whoever is not in `users` cannot connect.
 *
 * @throws bus.unknown-service when `users` names a service that RIGHTS does not
 */
export function natsConfig(options: NatsConfigOptions): string {
  const { clusterOptions: cluster } = options
  const users = Object.entries(options.users).map(([service, nkey]) => ({
    nkey,
    permissions: permissionsOf(service),
  }))
  // A JSON document is a valid configuration of a nats-server, and needs no rules of quoting of our own.
  const config = {
    ...(cluster && { server_name: cluster.serverName }),
    listen: `${options.host}:${options.port}`,
    max_payload: SERVER_PAYLOAD_BYTES_MAX,
    max_connections: CONNECTIONS_MAX,
    ...(options.pidFile && { pid_file: options.pidFile }),
    ...(options.portsFileDir && { ports_file_dir: options.portsFileDir }),
    jetstream: {
      store_dir: options.storeDir,
      max_file_store: FILE_STORE_BYTES_MAX,
      max_memory_store: MEMORY_STORE_BYTES_MAX,
    },
    authorization: { users: [{ nkey: options.adminPublicNkey }, ...users] },
    ...(cluster && { cluster: clusterOf(cluster) }),
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

function permissionsOf(service: string) {
  const rights = RIGHTS[service]
  if (rights === undefined) {
    throw new AppError('bus.unknown-service', 'bug', `${service} has no rights on the bus.`)
  }
  return {
    publish: { allow: publishedBy(service, rights) },
    subscribe: {
      allow: [
        `rpc.${service}.>`,
        `${INBOX_PREFIX}${service}.>`,
        ...rights.hears.map((subject) => `${LIVE_PREFIX}${subject}`),
      ],
    },
    // Replies go to the caller's inbox, once per request: no service may publish to an inbox otherwise.
    allow_responses: { max: 1, expires: `${RESPONSE_SECONDS_MAX}s` },
  }
}

function publishedBy(service: string, rights: ServiceRights): string[] {
  return [
    ...['evt', 'aud', 'bus', 'wake'].map((kind) => `${kind}.${service}.>`),
    ...rights.calls.map((callee) => `rpc.${callee}.>`),
    // LOCK-MON-3: only the service that owns a durable consumer may pull from it, and nobody may create one. With
    // `aud.>` in nobody's subscriptions, the audit-ledger alone reads the intents that it numbers.
    ...rights.consumers.flatMap(({ stream, name }) => [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.CONSUMER.INFO.${stream}.${name}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
      `$JS.ACK.${stream}.${name}.>`,
    ]),
  ]
}

function clusterOf(cluster: ClusterOptions) {
  const user = 'route'
  return {
    name: cluster.clusterName,
    listen: `${cluster.host}:${cluster.port}`,
    authorization: { user, password: cluster.password, timeout: 5 },
    routes: cluster.routes.map((route) => `nats://${user}:${cluster.password}@${route}`),
  }
}
