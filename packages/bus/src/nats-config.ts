import { AppError } from '@mumega/errors'
import { findRights, RIGHTS, type ServiceRights, STREAMS } from '@mumega/contracts/topology'
import { JS_API, LIVE_PREFIX, pullSubjectOf, SERVICE_JS_API } from './topology-names.ts'
import { ADMIN, INBOX_PREFIX, replyPrefix, SERVER_PAYLOAD_BYTES_MAX } from './wire.ts'

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

const STREAMS_ACCOUNT = 'STREAMS'
const PING_INTERVAL = '2s'
const PINGS_UNANSWERED_MAX = 2
/** Of one service, so that none takes the others' places. */
const CONNECTIONS_OF_ONE_MAX = 32
/** Besides: those that did not say yet who they are. */
const CONNECTIONS_UNKNOWN_MAX = 64
const SUBSCRIPTIONS_OF_CONNECTION_MAX = 1_024
const FILE_STORE_BYTES_MAX = 20 * 1_073_741_824
const MEMORY_STORE_BYTES_MAX = 64 * 1_048_576

/**
 * The configuration of a nats-server with one account and one user per service, each allowed its
 * own subjects only. Everything is derived from RIGHTS; whoever is not in `users` cannot connect.
 *
 * The streams live in an account of their own. Permissions alone would not keep a service to its
 * subjects: the server answers publications, pulls and acknowledgements on whatever reply subject
 * the client names, and answers without asking for the client's permissions. In one account, an
 * acknowledgement with the reply subject `$JS.API.STREAM.DELETE.AUDIT` deletes the ledger's stream,
 * and a pull replied to `aud.gateway.v1.append` forges an intent of the gateway's. Between accounts
 * the reply subject means something in the asker's own account only.
 *
 * Requests and their replies cross as streams, each pair of services having two of its own. As a
 * service of NATS they would have the server make and forget a mapping for each request, which
 * costs it more than twice the rest; and a mapping does not say who answered.
 *
 * @throws bus.unknown-service when `users` names a service that RIGHTS does not
 */
export function natsConfig(options: NatsConfigOptions): string {
  const { clusterOptions: cluster } = options
  const names = Object.keys(options.users)
  const accounts = new Map(
    Object.entries(options.users).map(([name, nkey]) => [name, accountOf(name, nkey, names)]),
  )
  // A JSON document is a valid configuration of a nats-server, and needs no rules of quoting of our
  // own.
  const config = {
    ...(cluster && { server_name: cluster.serverName }),
    listen: `${options.host}:${options.port}`,
    max_payload: SERVER_PAYLOAD_BYTES_MAX,
    max_connections: CONNECTIONS_OF_ONE_MAX * (names.length + 1) + CONNECTIONS_UNKNOWN_MAX,
    // A process that stands still would go on getting its share of its service's requests.
    ping_interval: PING_INTERVAL,
    ping_max: PINGS_UNANSWERED_MAX,
    ...(options.pidFile && { pid_file: options.pidFile }),
    ...(options.portsFileDir && { ports_file_dir: options.portsFileDir }),
    jetstream: {
      store_dir: options.storeDir,
      max_file_store: FILE_STORE_BYTES_MAX,
      max_memory_store: MEMORY_STORE_BYTES_MAX,
    },
    accounts: { [STREAMS_ACCOUNT]: streamsAccount(options), ...Object.fromEntries(accounts) },
    ...(cluster && { cluster: clusterOf(cluster) }),
  }
  return `${JSON.stringify(config, undefined, 2)}\n`
}

/** The account of the streams: its only user is the admin, who may also call every service. */
function streamsAccount({ users, adminPublicNkey }: NatsConfigOptions) {
  const services = Object.keys(users)
  const exports = services.flatMap((service) => {
    const { consumers, hears } = rightsOf(service)
    const accounts = [service]
    return [
      ...storedBy(service).map((subject) => ({ service: subject, accounts })),
      ...consumers.flatMap(({ stream, name }) => [
        { service: `${JS_API}.CONSUMER.INFO.${stream}.${name}`, accounts },
        // A pull is answered by many messages.
        { service: nextOf(stream, name), response_type: 'stream', accounts },
        { service: ackOf(stream, name), accounts },
      ]),
      ...hears.map((subject) => ({ stream: `${LIVE_PREFIX}${subject}`, accounts })),
    ]
  })
  return {
    jetstream: 'enabled',
    users: [{ nkey: adminPublicNkey }],
    exports: merged([...exports, ...services.map(askedBy)]),
    imports: services.map((callee) => answersFrom(callee, ADMIN)),
  }
}

function accountOf(service: string, nkey: string, services: readonly string[]) {
  const { calls, consumers, hears } = rightsOf(service)
  const callees = calls.filter((callee) => callee !== service && services.includes(callee))
  const callers = callersOf(service).filter(
    (name) => name === ADMIN || (name !== service && services.includes(name)),
  )
  return {
    users: [{ nkey, permissions: permissionsOf(service) }],
    limits: {
      max_connections: CONNECTIONS_OF_ONE_MAX,
      max_subscriptions: SUBSCRIPTIONS_OF_CONNECTION_MAX,
    },
    exports: [
      ...callees.map(askedBy),
      ...callers.map((caller) => ({
        stream: `${replyPrefix({ caller, callee: service })}.>`,
        accounts: [accountNameOf(caller)],
      })),
    ],
    imports: [
      ...callees.map((callee) => answersFrom(callee, service)),
      ...callers.map((caller) => importStream(accountNameOf(caller), `rpc.${service}.>`)),
      ...storedBy(service).map((subject) => importService(STREAMS_ACCOUNT, subject)),
      ...consumers.flatMap(({ stream, name }) => [
        importApi(`CONSUMER.INFO.${stream}.${name}`),
        importApi(`CONSUMER.MSG.NEXT.${stream}.${name}`),
        importService(STREAMS_ACCOUNT, ackOf(stream, name)),
      ]),
      ...hears.map((subject) => importStream(STREAMS_ACCOUNT, `${LIVE_PREFIX}${subject}`)),
    ],
  }
}

/** What is asked of `callee`, by the account that exports it. */
function askedBy(callee: string): Export {
  return { stream: `rpc.${callee}.>`, accounts: [callee] }
}

function answersFrom(callee: string, caller: string) {
  return importStream(callee, `${replyPrefix({ caller, callee })}.>`)
}

function accountNameOf(caller: string): string {
  return caller === ADMIN ? STREAMS_ACCOUNT : caller
}

/** Who may call this service, itself included where it does. */
function callersOf(service: string): string[] {
  return [ADMIN, ...Object.keys(RIGHTS).filter((name) => rightsOf(name).calls.includes(service))]
}

function permissionsOf(service: string) {
  const { calls, consumers, hears } = rightsOf(service)
  return {
    publish: {
      allow: [
        ...storedBy(service),
        ...calls.map((callee) => `rpc.${callee}.>`),
        ...callersOf(service).map((caller) => `${replyPrefix({ caller, callee: service })}.>`),
        // LOCK-MON-3: only the service that owns a durable consumer may pull from it, and nobody
        // may create one. With `aud.>` in nobody's subscriptions, the audit-ledger alone reads the
        // intents that it numbers.
        ...consumers.flatMap(({ stream, name }) => [
          `${SERVICE_JS_API}.CONSUMER.INFO.${stream}.${name}`,
          pullSubjectOf({ stream, name }),
          ackOf(stream, name),
        ]),
      ],
    },
    subscribe: {
      allow: [
        `rpc.${service}.>`,
        `${INBOX_PREFIX}${service}.>`,
        ...calls.map((callee) => `${replyPrefix({ caller: service, callee })}.>`),
        ...hears.map((subject) => `${LIVE_PREFIX}${subject}`),
      ],
    },
  }
}

function rightsOf(service: string): ServiceRights {
  const rights = findRights(service)
  if (rights !== undefined) return rights
  throw new AppError('bus.unknown-service', 'bug', `${service} has no rights on the bus.`)
}

/**
 * What a service stores: in each stream the subjects of its own domain, and of AUDIT exactly those
 * that its consumer takes, since another would be stored and never read.
 */
function storedBy(service: string): string[] {
  const { AUDIT, ...others } = STREAMS
  const consumers = Object.values(RIGHTS).flatMap((rights) => rights.consumers)
  const taken = consumers.filter(({ stream }) => STREAMS[stream] === AUDIT)
  return [
    ...Object.values(others).flatMap(({ subjects }) =>
      subjects.map((subject) => subject.replace('>', `${service}.>`)),
    ),
    ...taken.map(({ filterSubject }) => filterSubject.replace('*', service)),
  ]
}

function nextOf(stream: string, consumer: string): string {
  return `${JS_API}.CONSUMER.MSG.NEXT.${stream}.${consumer}`
}

function ackOf(stream: string, consumer: string): string {
  return `$JS.ACK.${stream}.${consumer}.>`
}

function importStream(account: string, subject: string) {
  return { stream: { account, subject } }
}

function importService(account: string, subject: string) {
  return { service: { account, subject } }
}

/**
 * Under another name: each account has a `$JS.API` of its own, which would answer that it has no
 * streams.
 */
function importApi(call: string) {
  const service = { account: STREAMS_ACCOUNT, subject: `${JS_API}.${call}` }
  return { service, to: `${SERVICE_JS_API}.${call}` }
}

interface Export {
  readonly service?: string
  readonly stream?: string
  readonly response_type?: string
  readonly accounts: readonly string[]
}

/**
 * One export per subject: the server takes the last of two with the same subject, and forgets the
 * first's accounts.
 */
function merged(exports: readonly Export[]): Export[] {
  const bySubject = new Map<string, Export>()
  for (const entry of exports) {
    const subject = entry.service ?? entry.stream ?? ''
    const accounts = [...(bySubject.get(subject)?.accounts ?? []), ...entry.accounts]
    bySubject.set(subject, { ...entry, accounts })
  }
  return [...bySubject.values()]
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
