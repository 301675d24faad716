import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A way to a server that can be cut, as a network is. */
export interface Passage {
  readonly url: string
  /** Passes nothing on any more and says so to neither end, nor to who comes. */
  swallow(): void
  /** The same of the connections on which the mark was seen; what comes anew passes. */
  swallowMarked(): void
  /** Passes the mark on when it is seen next, and ends that connection at the answer to it. */
  cutNextMarked(): void
  /** Connections that were ended so. */
  cuts(): number
  /** Ends what is open and takes nobody in. */
  refuse(): void
  /** Passes on again: what was swallowed, too, as far as both ends still stand. */
  heal(): void
  close(): void
}

interface Ends {
  readonly client: Socket
  readonly upstream: Socket
}

/** @param mark what a client says on the connections that are meant by it */
export async function givenPassage(to: URL, mark = '\0'): Promise<Passage> {
  const sockets = new Set<Socket>()
  const marked = new Set<Socket>()
  let state: 'open' | 'swallowing' | 'refusing' = 'open'
  let isCutting = false
  let cuts = 0

  function onMark({ client, upstream }: Ends): void {
    marked.add(client).add(upstream)
    if (!isCutting) return
    isCutting = false
    upstream.unpipe(client)
    upstream.once('data', () => {
      cuts += 1
      client.destroy()
    })
    upstream.resume()
  }

  function join({ client, upstream }: Ends): void {
    client.pipe(upstream).pipe(client)
    client.on('data', (bytes) => {
      if (bytes.includes(mark)) onMark({ client, upstream })
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      if (state === 'swallowing') one.pause()
    }
  }

  const server = createServer({ pauseOnConnect: true }, (client) => {
    if (state === 'refusing') client.destroy()
    else join({ client, upstream: connect(Number(to.port), to.hostname) })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(to)
  // It listens on TCP, so that its address is no path.
  through.port = String((server.address() as AddressInfo).port)
  through.hostname = '127.0.0.1'
  return {
    url: through.href,
    swallow() {
      state = 'swallowing'
      for (const socket of sockets) socket.pause()
    },
    swallowMarked() {
      for (const socket of marked) socket.pause()
      marked.clear()
    },
    cutNextMarked() {
      isCutting = true
    },
    cuts: () => cuts,
    refuse() {
      state = 'refusing'
      for (const socket of sockets) socket.destroy()
    },
    heal() {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
