import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { AppError } from '@mumega/errors'

export const LOOPBACK = '127.0.0.1'

/** Below the ports that Linux, macOS and Windows give to outgoing connections. */
const PORTS = { first: 20_000, end: 32_768 }
const TRIES_MAX = 100
const given = new Set<number>()

/**
 * A TCP port of the loopback address that was free a moment ago, another one each time. No outgoing
 * connection is ever given it; another server may still take it.
 *
 * @throws local.no-port when none of a hundred random ones is free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(PORTS.first, PORTS.end)
    if (!given.has(port) && (await isPortFree(LOOPBACK, port))) {
      given.add(port)
      return port
    }
  }
  throw new AppError(
    'local.no-port',
    'unavailable',
    `None of ${TRIES_MAX} ports between ${PORTS.first} and ${PORTS.end} is free on ${LOOPBACK}.`,
  )
}

/** Whether nobody listens on this port of `host` now. */
export function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => {
      resolve(false)
    })
    probe.listen({ host, port, exclusive: true }, () => {
      probe.close(() => {
        resolve(true)
      })
    })
  })
}
