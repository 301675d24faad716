import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connectBus, type Bus } from '@mumega/bus'
import { systemClock } from '@mumega/config/clock'
import { loadLedgerSeed } from '@mumega/local/ledger-key'
import { loadPrincipals } from '@mumega/local/principals'
import { createOperator } from '@mumega/local/operator'
import { freePort } from '@mumega/local/ports'
import { startService, type ServiceProcess } from '@mumega/local/service-process'
import { runFolder } from './config.ts'
import { startTestDatabase, type TestDatabase } from './database.ts'
import { startTestNats, type TestNats } from './nats.ts'

export interface TestSuiteOptions {
  /** Of contracts' SERVICES; started in this order. */
  services: readonly string[]
  /** A server that is there already, and stays; without it they get one of their own. */
  nats?: TestNats
  /** More environment, by service. */
  env?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Gets each line that a service writes, as `<service> <line>`. */
  onLine?: (line: string) => void
}

export interface TestSuite {
  readonly database: TestDatabase
  readonly nats: TestNats
  /** Where the gateway listens, also after its restart. */
  readonly gatewayUrl: string
  /** The file with the ledger's key, origin `localhost/mumega`. */
  readonly ledgerKeyFile: string
  /** With a key file for each principal of the installation. */
  readonly principalsFolder: string
  pid(service: string): number
  /** The first operator's token; the same one each time. */
  operatorToken(): Promise<string>
  /** Ends a service as a crash would. */
  kill(service: string): Promise<void>
  /** Starts a service again after `kill()`, with the same environment and what is added to it. */
  restart(service: string, more?: Readonly<Record<string, string>>): Promise<void>
  /** Starts one more process of a service, with the same environment; ended by `stop()`. */
  another(service: string): Promise<ServiceProcess>
  /** A connection to the bus as this service's user; closed by `stop()`. */
  bus(service: string): Promise<Bus>
  stop(): Promise<void>
}

export const TEST_ORIGIN = 'localhost/mumega'

/**
 * The given services as processes of their own, on a fresh database, and on a nats-server of their
 * own where they get no other.
 */
export async function startTestSuite(options: TestSuiteOptions): Promise<TestSuite> {
  const nats = options.nats ?? (await startTestNats())
  const database = await startTestDatabase(options.services)
  const folder = mkdtempSync(join(runFolder(), 'suite-'))
  const ledgerKeyFile = join(folder, 'ledger.key')
  loadLedgerSeed(ledgerKeyFile)
  const principalsFolder = join(folder, 'principals')
  const principalsFile = loadPrincipals(principalsFolder)
  const gatewayPort = await freePort()
  const ground = { options, nats, database, ledgerKeyFile, principalsFile, gatewayPort }

  const processes = new Map<string, ServiceProcess>()
  const others: ServiceProcess[] = []
  const buses: Bus[] = []
  const begin = (service: string, more: Readonly<Record<string, string>> = {}) => {
    const onLine = (line: string) => options.onLine?.(`${service} ${line}`)
    const environment = { ...environmentOf(service, ground), ...more }
    return startService({ service, environment, onLine })
  }
  const launch = async (service: string, more?: Readonly<Record<string, string>>) => {
    processes.set(service, await begin(service, more))
  }
  const stop = async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.drain()))
    await Promise.all(others.splice(0).map((process) => process.stop()))
    for (const process of [...processes.values()].reverse()) await process.stop()
    if (options.nats === undefined) await nats.stop()
    await database.drop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const service of options.services) await launch(service)
  } catch (error) {
    await stop()
    throw error
  }
  const processOf = (service: string) => {
    const process = processes.get(service)
    if (process === undefined) throw new Error(`${service} was not started in this suite.`)
    return process
  }
  let operator: Promise<string> | undefined
  return {
    database,
    nats,
    gatewayUrl: `http://127.0.0.1:${ground.gatewayPort}`,
    ledgerKeyFile,
    principalsFolder,
    pid: (service) => processOf(service).pid,
    operatorToken() {
      operator ??= firstOperator(environmentOf('gateway', ground))
      return operator
    },
    kill: (service) => processOf(service).kill(),
    restart: launch,
    async another(service) {
      const process = await begin(service)
      others.push(process)
      return process
    },
    async bus(service) {
      const nkeySeed = nats.seedOf(service)
      const bus = await connectBus({ natsUrl: nats.url, nkeySeed, service, clock: systemClock })
      buses.push(bus)
      return bus
    },
    stop,
  }
}

interface Ground {
  options: TestSuiteOptions
  nats: TestNats
  database: TestDatabase
  ledgerKeyFile: string
  principalsFile: string
  gatewayPort: number
}

function environmentOf(service: string, ground: Ground): Record<string, string> {
  return {
    DATABASE_URL: ground.database.urlOf(service),
    NATS_URL: ground.nats.url,
    NATS_NKEY_SEED: ground.nats.seedOf(service),
    OTEL_SERVICE_NAME: service,
    LOG_LEVEL: 'warn',
    ...(service === 'gateway' && {
      MUMEGA_PORT: String(ground.gatewayPort),
      // A test asks again and again until something is so.
      MUMEGA_RATE_LIMIT_PER_MINUTE: '100000',
    }),
    ...(service === 'objectives' && { OBJECTIVES_PRINCIPALS_FILE: ground.principalsFile }),
    ...(service === 'audit-ledger' && {
      LEDGER_ORIGIN: TEST_ORIGIN,
      LEDGER_KEY_FILE: ground.ledgerKeyFile,
    }),
    ...ground.options.env?.[service],
  }
}

async function firstOperator(environment: Readonly<Record<string, string>>): Promise<string> {
  const token = await createOperator(environment)
  if (token === undefined) throw new Error('An operator existed already in a fresh database.')
  return token
}
