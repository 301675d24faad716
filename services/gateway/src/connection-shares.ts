import type { Server } from 'node:http'
import { isIPv4, isIPv6, type Socket } from 'node:net'
import type { Metrics } from './telemetry.ts'

const MAPPED = '::ffff:'
const NETWORK_GROUPS = 4

export interface ConnectionLimits {
  readonly max: number
  readonly perAddressMax: number
}

/**
 * Bounds the connections of a server, and of those the share of one remote address: a connection
 * costs its holder nothing, and whoever had all of them would keep everybody else out. What is
 * beyond a bound is closed before a byte of it is read, so that it cannot be told why.
 */
export function shareConnections(
  server: Server,
  { max, perAddressMax }: ConnectionLimits,
  metrics: Pick<Metrics, 'connectionsOpen' | 'connectionsRefused'>,
): void {
  const open = new Map<string, number>()
  server.maxConnections = max
  server.on('drop', () => metrics.connectionsRefused.inc())
  server.on('connection', (socket: Socket) => {
    // Whoever has gone before it was looked at has none.
    if (socket.remoteAddress === undefined) return
    const holder = holderOf(socket.remoteAddress)
    const held = open.get(holder) ?? 0
    if (held >= perAddressMax) {
      metrics.connectionsRefused.inc()
      socket.resetAndDestroy()
      return
    }
    open.set(holder, held + 1)
    metrics.connectionsOpen.inc()
    socket.once('close', () => {
      metrics.connectionsOpen.dec()
      const left = (open.get(holder) ?? 0) - 1
      // Who has none goes, so that the map is no bigger than what is open.
      if (left > 0) open.set(holder, left)
      else open.delete(holder)
    })
  })
}

/**
 * Whose share a connection from this address takes. Of IPv6 it is the network of 64 bits, all of
 * whose addresses one machine may give itself.
 */
export function holderOf(address: string): string {
  const mapped = address.slice(MAPPED.length)
  if (address.startsWith(MAPPED) && isIPv4(mapped)) return mapped
  if (!isIPv6(address)) return address
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return `${[...front, ...zeros, ...back].slice(0, NETWORK_GROUPS).join(':')}::/64`
}
