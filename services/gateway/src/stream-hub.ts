import type { Bus } from '@mumega/bus'
import { messageAccepted } from '@mumega/contracts/bridge'
import { messageRedelivered } from '@mumega/contracts/deliveries'
import { tokenRevoked } from '@mumega/contracts/gateway'
import type { AppError } from '@mumega/errors'
import { stopping, streamsFull, tooManyStreams } from './errors.ts'

/** One open event stream, or one request that waits for mail, as the hub sees it. */
export interface OpenStream {
  readonly tenantId: string
  readonly agent: string
  readonly tokenId: string
  /** Of the tree of tokens that has so many streams at most. */
  readonly rootTokenId: string
  /** Says that its inbox may have grown. Cheap, and may come too often. */
  wake(): void
  /** Says that its token may be gone: nothing more is written before it was looked up. */
  doubt(): void
  /** Ends it, with this as its last event. */
  end(reason: AppError): void
}

/** One request that waits for long, as the hub sees it. */
export interface OpenWait {
  readonly tokenId: string
  /** Says that its token may be gone. Cheap, and may come too often. */
  doubt(): void
  /** Ends it because the gateway stops. */
  stop(): void
}

/**
 * The event streams of this process, and its long waits: wakes them when mail comes or their token
 * is revoked.
 */
export interface StreamHub {
  /**
   * Takes a stream in until the returned function is called.
   *
   * @throws gateway.too-many-streams, .streams-full, .stopping
   */
  attach(stream: OpenStream): () => void
  /**
   * Takes a wait in until the returned function is called.
   *
   * @throws gateway.stopping
   */
  attachWait(wait: OpenWait): () => void
  /** Makes the streams and the waits of a token look whether it still holds. */
  doubtToken(tokenId: string): void
  /** Ends all streams and waits, and lets none in any more. */
  close(): void
  size(): number
}

export interface HubLimits {
  streamsMax: number
  streamsPerTenantMax: number
  streamsPerTokenMax: number
}

function checkRoom(
  { streamsMax, streamsPerTenantMax, streamsPerTokenMax }: HubLimits,
  { open, ofTenant, ofTree }: { open: number; ofTenant: number; ofTree: number },
): void {
  // A token that delegates gets no more of them.
  if (ofTree >= streamsPerTokenMax) throw tooManyStreams('of this token', streamsPerTokenMax)
  if (ofTenant >= streamsPerTenantMax) throw tooManyStreams('of this tenant', streamsPerTenantMax)
  if (open >= streamsMax) throw streamsFull()
}

/**
 * Opens the hub on live subscriptions. These may miss a message while NATS is away, which is why
 * every stream also looks by itself at each keep-alive, and at once after a reconnection.
 */
export function openStreamHub(bus: Bus, limits: HubLimits): StreamHub {
  const byInbox = new Map<string, Set<OpenStream>>()
  const byToken = new Map<string, Set<OpenStream>>()
  const byRoot = new Map<string, Set<OpenStream>>()
  const byTenant = new Map<string, Set<OpenStream>>()
  const waits = new Map<string, Set<OpenWait>>()
  let open = 0
  let isClosed = false

  const hub: StreamHub = {
    attach(stream) {
      if (isClosed) throw stopping()
      checkRoom(limits, {
        open,
        ofTenant: byTenant.get(stream.tenantId)?.size ?? 0,
        ofTree: byRoot.get(stream.rootTokenId)?.size ?? 0,
      })
      const inbox = inboxOf(stream.tenantId, stream.agent)
      add(byInbox, inbox, stream)
      add(byToken, stream.tokenId, stream)
      add(byRoot, stream.rootTokenId, stream)
      add(byTenant, stream.tenantId, stream)
      open += 1
      return () => {
        if (!remove(byInbox, inbox, stream)) return
        remove(byToken, stream.tokenId, stream)
        remove(byRoot, stream.rootTokenId, stream)
        remove(byTenant, stream.tenantId, stream)
        open -= 1
      }
    },
    attachWait(wait) {
      if (isClosed) throw stopping()
      add(waits, wait.tokenId, wait)
      return () => void remove(waits, wait.tokenId, wait)
    },
    doubtToken(tokenId) {
      for (const stream of byToken.get(tokenId) ?? []) stream.doubt()
      for (const wait of waits.get(tokenId) ?? []) wait.doubt()
    },
    close() {
      isClosed = true
      for (const streams of [...byToken.values()]) {
        for (const stream of [...streams]) stream.end(stopping())
      }
      for (const some of [...waits.values()]) for (const wait of [...some]) wait.stop()
    },
    size: () => open,
  }

  const wake = (tenantId: string, agent: string) => {
    for (const stream of byInbox.get(inboxOf(tenantId, agent)) ?? []) stream.wake()
  }
  bus.hear(messageAccepted, ({ tenantId, to }) => {
    for (const agent of to) wake(tenantId, agent)
  })
  bus.hear(messageRedelivered, ({ tenantId, agent }) => {
    wake(tenantId, agent)
  })
  bus.hear(tokenRevoked, ({ tokenId }) => {
    hub.doubtToken(tokenId)
  })
  bus.onReconnect(() => {
    for (const streams of byToken.values()) for (const stream of streams) stream.doubt()
    for (const some of waits.values()) for (const wait of some) wait.doubt()
  })
  return hub
}

function inboxOf(tenantId: string, agent: string): string {
  return `${tenantId}/${agent}`
}

function add<Open>(map: Map<string, Set<Open>>, key: string, stream: Open): void {
  const streams = map.get(key) ?? new Set<Open>()
  streams.add(stream)
  map.set(key, streams)
}

/** Whether it was there. Empty sets go, so that the map is no bigger than what is open. */
function remove<Open>(map: Map<string, Set<Open>>, key: string, stream: Open): boolean {
  const streams = map.get(key)
  const wasThere = streams?.delete(stream) ?? false
  if (streams?.size === 0) map.delete(key)
  return wasThere
}
