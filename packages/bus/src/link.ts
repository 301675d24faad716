import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'
import { logger } from '@mumega/telemetry'
import { busUnavailable } from './errors.ts'
import { nkeyAuthenticator } from './nkeys.ts'
import { INBOX_PREFIX } from './wire.ts'

export interface LinkOptions {
  /** One or more server URLs, separated by commas. */
  readonly natsUrl: string
  /** Seed of this service's user. Absent only where the server asks for none. */
  readonly nkeySeed?: string | undefined
  readonly service: string
  /**
   * While it says no, a request is answered as if nobody had heard it (bus.no-responders). Absent
   * where the service answers as long as it is connected.
   */
  readonly isServing?: (() => boolean) | undefined
}

/** The connection to NATS, and whether it is up. */
export interface Link {
  readonly service: string
  readonly connection: NatsConnection
  readonly log: ReturnType<typeof logger>
  isUp(): boolean
  isServing(): boolean
  onReconnect(listener: () => void): void
  /** Called with the subject of a publication that the server refused. */
  onRefused(listener: (subject: string) => void): void
}

// The relay takes a `Bus`, as services know it, and needs the link beneath.
const links = new WeakMap<object, Link>()

/** The link beneath a bus. Throws for a bus that `connectBus` did not make. */
export function linkOf(bus: object): Link {
  const link = links.get(bus)
  if (link === undefined) throw new Error('The relay needs a bus that connectBus() made.')
  return link
}

export function rememberLink(bus: object, link: Link): void {
  links.set(bus, link)
}

const FIRST_CONNECT_MS_MAX = 15_000
const RECONNECT_MS_MIN = 100
const RECONNECT_MS_MAX = 1_000

/**
 * Connects, waiting at most 15 s for a server that is still starting. From then on it reconnects
 * for ever, at random times, so that a hundred clients do not come back at once.
 *
 * @throws bus.unavailable when no server answers in that time; the server's own error when it
 *   refuses the user.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const connection = await connectFirst(options)
  const log = logger(options.service)
  const listeners: (() => void)[] = []
  const refusals: ((subject: string) => void)[] = []
  let isUp = true

  async function watch(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        isUp = false
        log.warn({ server: status.server }, 'bus-disconnected')
      } else if (status.type === 'reconnect') {
        isUp = true
        log.info({ server: status.server }, 'bus-reconnected')
        for (const listener of listeners) listener()
      } else if (status.type === 'error') {
        const { error } = status
        log.error({ error }, 'bus-error')
        if (!(error instanceof PermissionViolationError) || error.operation !== 'publish') continue
        for (const listener of refusals) listener(error.subject)
      }
    }
  }
  void watch()
  void connection.closed().then((error) => {
    isUp = false
    if (error instanceof Error) log.error({ error }, 'bus-closed')
  })

  return {
    service: options.service,
    connection,
    log,
    isUp: () => isUp,
    isServing: () => options.isServing?.() ?? true,
    onReconnect(listener) {
      listeners.push(listener)
    },
    onRefused(listener) {
      refusals.push(listener)
    },
  }
}

async function connectFirst(options: LinkOptions): Promise<NatsConnection> {
  const deadline = performance.now() + FIRST_CONNECT_MS_MAX
  for (;;) {
    try {
      return await connectOnce(options)
    } catch (error) {
      if (!isRefused(error)) throw error
      if (performance.now() > deadline) throw busUnavailable(error)
    }
    await new Promise((resolve) => setTimeout(resolve, reconnectDelayMs()))
  }
}

function connectOnce({ natsUrl, nkeySeed, service }: LinkOptions): Promise<NatsConnection> {
  return connect({
    servers: natsUrl.split(','),
    name: service,
    // An inbox prefix of its own, which only this user may subscribe: nobody reads another's
    // replies.
    inboxPrefix: `${INBOX_PREFIX}${service}`,
    ...(nkeySeed !== undefined && {
      authenticator: nkeyAuthenticator(nkeySeed),
    }),
    timeout: 5_000,
    maxReconnectAttempts: -1,
    // While a server restarts it may refuse a user for a moment; giving up would need a restart of
    // the service.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: reconnectDelayMs,
    pingInterval: 10_000,
    maxPingOut: 2,
    // A stack trace for each request costs more than the request.
    noAsyncTraces: true,
  })
}

function reconnectDelayMs(): number {
  return RECONNECT_MS_MIN + Math.random() * (RECONNECT_MS_MAX - RECONNECT_MS_MIN)
}

function isRefused(error: unknown): boolean {
  const texts = [error, error instanceof Error ? error.cause : undefined].map(String)
  return texts.some((text) => /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ECONNRESET|[Tt]imeout/.test(text))
}

/**
 * Waits for the end of something that may fail: on a connection that is closed meanwhile it may
 * never be told.
 */
export async function orClosed(link: Link, ended: Promise<unknown>): Promise<void> {
  await Promise.race([ended.catch(() => undefined), link.connection.closed()])
}

const ROUND_TRIP_MS_MAX = 2_000

/** A ping to the server and back, in milliseconds. @throws bus.unavailable after 2 s. */
export async function roundTrip(link: Link): Promise<number> {
  if (!link.isUp()) throw busUnavailable()
  let timer: NodeJS.Timeout | undefined
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(busUnavailable())
    }, ROUND_TRIP_MS_MAX)
  })
  const ping = link.connection.rtt().catch((error: unknown) => {
    throw busUnavailable(error)
  })
  try {
    return await Promise.race([ping, bound])
  } finally {
    clearTimeout(timer)
  }
}
