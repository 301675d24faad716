import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { RIGHTS } from '@mumega/contracts/topology'
import { startNatsServer, type NatsServer } from '@mumega/local/nats'
import { newSeed, publicNkeyOf } from '@mumega/local/nkeys'
import { provisionBus } from '@mumega/local/provision'
import { natsProgram, runFolder } from './config.ts'

export interface TestNats {
  url: string
  /** The secret of a service's own user. */
  seedOf(service: string): string
  adminSeed: string
  readonly pid: number
  /** Ends the server as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder, after `kill()`. */
  restart(): Promise<void>
  /** Ends it and removes its folder. */
  stop(): Promise<void>
}

/** A nats-server of the test's own, with one user per service and the topology provisioned. */
export async function startTestNats(): Promise<TestNats> {
  const dir = mkdtempSync(join(runFolder(), 'nats-'))
  const seeds = new Map(Object.keys(RIGHTS).map((service) => [service, newSeed()]))
  const adminSeed = newSeed()
  const options = {
    program: natsProgram(),
    dir,
    users: Object.fromEntries([...seeds].map(([name, seed]) => [name, publicNkeyOf(seed)])),
    adminPublicNkey: publicNkeyOf(adminSeed),
  }
  let server: NatsServer = await startNatsServer(options)
  const { port, url } = server
  const stop = async () => {
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  await provisionBus({ natsUrl: url, adminSeed }).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    url,
    adminSeed,
    seedOf(service) {
      const seed = seeds.get(service)
      if (seed === undefined) throw new Error(`${service} is not in contracts' RIGHTS.`)
      return seed
    },
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    async restart() {
      server = await startNatsServer({ ...options, port })
    },
    stop,
  }
}
