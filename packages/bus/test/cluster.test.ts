import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { nkeys } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Bus, connectBus } from '@mumega/bus'
import { checkTopology, natsConfig, provisionTopology } from '@mumega/bus/streams'
import { systemClock } from '@mumega/config/clock'
import { deadLettered } from '@mumega/contracts/dead-letters'
import { defineRequest } from '@mumega/contracts/define'
import { RIGHTS } from '@mumega/contracts/topology'
import { freePort } from '@mumega/local/ports'
import { eventually } from '@mumega/testkit'
import { natsProgram, runFolder } from '@mumega/testkit/config'
import { givenLetter, LETTERS } from './consumers.ts'
import { CONTEXT, greet } from './given.ts'

interface Node {
  readonly name: string
  readonly url: string
  readonly process: ChildProcess
}

const SEEDS = new Map(['admin', ...Object.keys(RIGHTS)].map((name) => [name, nkeys.createUser()]))
let folder: string
let nodes: Node[] = []
const buses: Bus[] = []

function publicKeyOf(name: string): string {
  return SEEDS.get(name)?.getPublicKey() ?? ''
}

beforeAll(async () => {
  folder = mkdtempSync(join(runFolder(), 'cluster-'))
  const ports = await Promise.all(Array.from({ length: 6 }, freePort))
  const routes = ports.slice(3).map((port) => `127.0.0.1:${port}`)
  nodes = ports.slice(0, 3).map((port, index) => {
    const name = `node-${index}`
    const config = natsConfig({
      host: '127.0.0.1',
      port,
      storeDir: join(folder, name),
      users: Object.fromEntries(Object.keys(RIGHTS).map((user) => [user, publicKeyOf(user)])),
      adminPublicNkey: publicKeyOf('admin'),
      clusterOptions: {
        clusterName: 'test',
        serverName: name,
        host: '127.0.0.1',
        port: ports[index + 3] ?? 0,
        routes,
        password: 'test-routes',
      },
    })
    const file = join(folder, `${name}.conf`)
    writeFileSync(file, config)
    const url = `nats://127.0.0.1:${port}`
    return { name, url, process: spawn(natsProgram(), ['-c', file], { stdio: 'ignore' }) }
  })
  const admin = await connectAs('admin', nodes)
  await eventually(() => provisionTopology(admin.connection, { replicas: 3 }).then(() => true), {
    what: 'the cluster to form',
  })
}, 60_000)

afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.drain()))
  for (const node of nodes) {
    if (node.process.exitCode !== null || node.process.signalCode !== null) continue
    node.process.kill('SIGKILL')
    await once(node.process, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

async function connectAs(service: string, to: readonly Node[]): Promise<Bus> {
  const seed = SEEDS.get(service)?.getSeed() ?? new Uint8Array()
  const natsUrl = to.map(({ url }) => url).join(',')
  const nkeySeed = Buffer.from(seed).toString()
  const bus = await connectBus({ natsUrl, nkeySeed, service, clock: systemClock })
  buses.push(bus)
  return bus
}

test('each question is handled once, wherever its service and who asks are connected', async () => {
  const contract = defineRequest({ ...greet, subject: 'rpc.bridge.v1.test-once' })
  const handled: string[] = []
  const bridges = await Promise.all(nodes.map((node) => connectAs('bridge', [node])))
  for (const [which, bridge] of bridges.entries()) {
    bridge.serve(contract, async ({ name }) => {
      handled.push(name)
      return { greeting: `${name} by ${which}` }
    })
    await bridge.connection.flush()
  }
  const askers = await Promise.all(
    ['gateway', 'bridge', 'admin'].map((service, nth) =>
      connectAs(service, nodes.slice(nth, nth + 1)),
    ),
  )
  for (const [nth, asker] of askers.entries()) {
    const ask = () =>
      asker.request(contract, { name: `early ${nth}` }, { context: CONTEXT, timeoutMs: 1_000 })
    await eventually(ask, { what: 'the subscriptions to cross the cluster' })
  }
  handled.length = 0

  const names = Array.from({ length: 300 }, (_, nth) => `question ${nth}`)
  const replies = await Promise.all(
    names.map((name, nth) => {
      const asker = askers[nth % askers.length] as Bus
      return asker.request(contract, { name }, { context: CONTEXT, timeoutMs: 20_000 })
    }),
  )

  expect(replies.map(({ greeting }) => greeting.slice(0, -' by 0'.length))).toEqual(names)
  expect(handled.toSorted()).toEqual(names.toSorted())
  await Promise.all(bridges.map((bridge) => bridge.drain()))
})

test('three servers keep every stream when the one that leads it is killed', async () => {
  const admin = await connectAs('admin', nodes)
  const manager = await jetstreamManager(admin.connection)
  const { cluster } = await manager.streams.info('EVENTS')
  const leader = nodes.find(({ name }) => name === cluster?.leader)
  const others = nodes.filter((node) => node !== leader)
  // Each on a server of its own, so that everything crosses the cluster.
  const bridge = await connectAs('bridge', others.slice(0, 1))
  const gateway = await connectAs('gateway', others.slice(1))
  const handled: string[] = []
  await bridge.consume(deadLettered('bridge'), LETTERS.consumer, async ({ reason }) => {
    handled.push(reason)
  })
  bridge.serve(greet, async ({ name }) => ({ greeting: `Hello ${name}` }))
  await bridge.connection.flush()
  const publish = (reason: string) =>
    gateway.publish(deadLettered('gateway'), givenLetter(reason), { messageId: reason })

  await checkTopology(bridge.connection, 'bridge')
  await publish('before')
  const reply = await eventually(
    () => gateway.request(greet, { name: 'loom' }, { context: CONTEXT, timeoutMs: 1_000 }),
    { what: 'the subscription to cross the cluster' },
  )
  await eventually(async () => handled.includes('before'), { what: 'the first event' })
  leader?.process.kill('SIGKILL')
  await eventually(() => publish('after').then(() => true), {
    what: 'a new leader',
  })
  await eventually(async () => handled.includes('after'), {
    what: 'the second event',
  })

  expect(leader).toBeDefined()
  expect(reply).toEqual({ greeting: 'Hello loom' })
  expect(handled.filter((reason) => reason === 'after')).toHaveLength(1)
}, 90_000)
