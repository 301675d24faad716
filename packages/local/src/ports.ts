import { createServer } from 'node:net'

export const LOOPBACK = '127.0.0.1'

/**
 * A TCP port of the loopback address that was free a moment ago; another process may still take it.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host: LOOPBACK, port: 0 }, () => {
      const address = probe.address()
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('The operating system gave no port.'))
      })
    })
  })
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
