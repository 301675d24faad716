import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { eventually } from '@mumega/testkit'
import {
  anIntent,
  checkpointOf,
  givenLedger,
  hearSealed,
  publishIntents,
  untilSealed,
  type TestLedger,
} from './given.ts'

let ledger: TestLedger
let closeProxy: () => void = () => undefined

afterEach(async () => {
  await ledger.stop()
  closeProxy()
})

/**
 * A way to the database that, once asked to, lets the next commit through and cuts the connection
 * at its answer.
 */
async function givenProxy(
  url: URL,
): Promise<{ url: string; cutNextCommit(): void; cuts(): number }> {
  let isArmed = false
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(url.port), url.hostname)
    let isDoomed = false
    client.on('data', (bytes) => {
      if (isArmed && bytes.includes('commit-batch')) {
        isDoomed = true
        isArmed = false
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!isDoomed) {
        client.write(bytes)
        return
      }
      cuts += 1
      client.destroy()
      upstream.destroy()
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closeProxy = () => void server.close()
  const through = new URL(url)
  // It listens on TCP, so that its address is no path.
  through.port = String((server.address() as AddressInfo).port)
  through.hostname = '127.0.0.1'
  return { url: through.href, cutNextCommit: () => void (isArmed = true), cuts: () => cuts }
}

test('a commit whose answer is lost is signed and announced at once, without another event', async () => {
  ledger = await givenLedger({ isRunning: false })
  const proxy = await givenProxy(new URL(ledger.config.DATABASE_URL))
  Object.assign(ledger.config, { DATABASE_URL: proxy.url })
  await ledger.run()
  const bridge = await ledger.bus('bridge')
  const heard = hearSealed(await ledger.adminBus())
  await publishIntents(bridge, [anIntent()])
  await eventually(() => Promise.resolve(heard.length === 1), { what: 'the first announcement' })
  proxy.cutNextCommit()

  await publishIntents(bridge, [anIntent()])

  await eventually(() => Promise.resolve(proxy.cuts() === 1), { what: 'the cut' })
  await untilSealed(ledger, 2)
  await eventually(() => Promise.resolve(heard.some(({ index }) => index === 1)), {
    what: 'the announcement of the second entry',
  })
  const note = await eventually(
    async () => {
      const found = (await checkpointOf(bridge)).note
      return found?.split('\n')[1] === '2' && found
    },
    { what: 'a checkpoint over both' },
  )
  expect(note).toMatch(/^localhost/)
})
