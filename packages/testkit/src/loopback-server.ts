import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on a free port of the loopback address. */
export interface LoopbackServer {
  /** Without a slash at its end. */
  readonly url: string
  /** The most requests that were under way at one time. */
  atOnceMax(): number
  /** Cuts off what is under way. */
  stop(): Promise<void>
}

/** Cuts off each request whose answer fails. */
export async function startLoopbackServer(
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<LoopbackServer> {
  let [atOnce, atOnceMax] = [0, 0]
  const server = createServer((request, response) => {
    atOnce += 1
    atOnceMax = Math.max(atOnceMax, atOnce)
    response.once('close', () => (atOnce -= 1))
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // It listens on a port, and so has an address of this kind.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    atOnceMax: () => atOnceMax,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
