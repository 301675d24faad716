import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, nkeyAuthenticator, type NatsConnection } from '@nats-io/transport-node'
import { connectBus } from '@mumega/bus'
import { checkTopology } from '@mumega/bus/streams'
import { systemClock } from '@mumega/config/clock'
import { STREAMS } from '@mumega/contracts/topology'
import { writeSecrets } from '@mumega/local/installation'
import { findNatsServer } from '@mumega/local/nats-binary'
import { freePort } from '@mumega/local/ports'
import { provisionBus } from '@mumega/local/provision'
import { eventually } from '@mumega/testkit'

// The configurations that docker-compose.yml's first container writes, with this machine's ports.
const HOSTS = ['nats-1', 'nats-2', 'nats-3']
const START_MS_MAX = 60_000

interface ServerConfig {
  listen: string
  jetstream: { store_dir: string }
  cluster: { listen: string; routes: string[] }
}

interface Server {
  host: string
  url: string
  child: ChildProcess
}

let folder: string
let servers: Server[]
let admin: NatsConnection
let adminSeed: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mumega-cluster-'))
  writeSecrets({
    secretsDir: join(folder, 'secrets'),
    postgresAddress: 'postgres:5432/mumega',
    natsHosts: HOSTS,
    natsStoreDir: '/data',
  })
  adminSeed = secrets().natsAdminSeed
  servers = await startServers()
  // The servers elect a leader among themselves before they take a stream.
  await eventually(() => provisioned(), { what: 'the cluster takes streams' })
  admin = await connect({
    servers: urls(),
    authenticator: nkeyAuthenticator(new TextEncoder().encode(adminSeed)),
  })
}, START_MS_MAX)

afterAll(async () => {
  await admin.close()
  await Promise.all(servers.map(({ child }) => killed(child)))
  rmSync(folder, { recursive: true, force: true })
})

describe('three NATS servers with the written configurations', () => {
  test('they hold every stream three times', async () => {
    const manager = await jetstreamManager(admin)
    const copies: Record<string, number> = {}
    for (const name of Object.keys(STREAMS)) {
      const { config, cluster } = await manager.streams.info(name)
      copies[name] = 1 + (cluster?.replicas?.length ?? 0)
      expect(config.num_replicas).toBe(3)
    }

    expect(copies).toEqual(Object.fromEntries(Object.keys(STREAMS).map((name) => [name, 3])))
  })

  test('a service finds its consumers, and goes on when one server is gone', async () => {
    const bus = await connectBus({
      natsUrl: urls().join(','),
      nkeySeed: secrets().services['audit-ledger']?.natsSeed ?? '',
      service: 'audit-ledger',
      clock: systemClock,
    })
    await checkTopology(bus.connection, 'audit-ledger')
    const [first] = servers
    if (first !== undefined) await killed(first.child)

    const look = async () => {
      await checkTopology(bus.connection, 'audit-ledger')
      return true
    }
    await eventually(look, { what: 'the others answer' })
    await bus.drain()
  }, 40_000)
})

function secrets() {
  return JSON.parse(readFileSync(join(folder, 'secrets/init/secrets.json'), 'utf8')) as {
    natsAdminSeed: string
    services: Record<string, { natsSeed: string }>
  }
}

const urls = () => servers.map(({ url }) => url)

async function startServers(): Promise<Server[]> {
  const { path } = await findNatsServer({ log: () => undefined })
  const ports = new Map<string, { client: number; cluster: number }>()
  for (const host of HOSTS) {
    ports.set(host, { client: await freePort(), cluster: await freePort() })
  }
  return HOSTS.map((host) => {
    const at = (name: string) => ports.get(name) ?? { client: 0, cluster: 0 }
    const written = readFileSync(join(folder, `secrets/nats/${host}.conf`), 'utf8')
    const config = JSON.parse(written) as ServerConfig
    config.listen = `127.0.0.1:${at(host).client}`
    config.jetstream.store_dir = join(folder, host)
    config.cluster.listen = `127.0.0.1:${at(host).cluster}`
    config.cluster.routes = config.cluster.routes.map((route) => {
      const url = new URL(route)
      url.port = String(at(url.hostname).cluster)
      url.hostname = '127.0.0.1'
      return url.href
    })
    mkdirSync(join(folder, host))
    const file = join(folder, `${host}.conf`)
    writeFileSync(file, JSON.stringify(config))
    const child = spawn(path, ['--config', file], { stdio: 'ignore' })
    return { host, url: `nats://127.0.0.1:${at(host).client}`, child }
  })
}

async function provisioned(): Promise<boolean> {
  await provisionBus({ natsUrl: urls().join(','), adminSeed, replicas: 3 })
  return true
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
}
