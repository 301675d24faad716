import { existsSync, readFileSync } from 'node:fs'
import { SERVICES } from '@mumega/contracts/topology'
import { migrate } from '@mumega/db/migrate'
import { startReceiver } from '@mumega/telemetry/receiver'
import { generateVkey, signerFromSeed } from '@mumega/tlog/note'
import type { Environment } from './config.ts'
import { openDataFolder, writeRunFile, type DataFolder } from './data-folder.ts'
import { loadLedgerSeed } from './ledger-key.ts'
import { createOperator } from './operator.ts'
import { migrationsDirOf } from './paths.ts'
import { freePort, isPortFree } from './ports.ts'
import type { Progress } from './progress.ts'
import { loadPrincipals } from './principals.ts'
import { provisionBus } from './provision.ts'
import { replaceFile } from './replace-file.ts'
import { loadSecrets } from './secrets.ts'
import { portInUse, provideNats, providePostgres } from './servers.ts'
import { serviceEnvironment, type Surroundings } from './service-environment.ts'
import { startServices } from './services.ts'
import { dataDirOf, type Settings } from './settings.ts'
import { addRunning, stopAll, type Stoppable } from './stop-all.ts'

export interface SuiteOptions {
  settings: Settings
  environment: Environment
  progress: Progress
}

export interface Suite {
  readonly gatewayUrl: string
  /** Shown once: undefined when an operator exists already. */
  readonly operatorToken: string | undefined
  readonly dataDir: string
}

/** A run of the suite that can be stopped at any moment, also while it is still starting. */
export interface Run {
  /** Resolves when every service serves. */
  readonly started: Promise<Suite>
  /** Stops what has been started so far, in reverse order and within 10 s. Safe to call twice. */
  stop(): Promise<void>
}

const TRACES_MAX = 2_000

/** Starts PostgreSQL, NATS and every service, and keeps them running until `stop()`. */
export function startSuite(options: SuiteOptions): Run {
  const running: Stoppable[] = []
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= stopAll(running, options.progress)
    return stopped
  }
  const keep = (stoppable: Stoppable) => {
    addRunning(running, stoppable)
    // Started while everything was being stopped: it must not stay.
    if (stopped !== undefined) {
      stopped = stopped.then(() => stopAll(running, options.progress))
      throw new Error('stopped while starting')
    }
  }
  return { started: start(options, keep), stop }
}

type Keep = (stoppable: Stoppable) => void

async function start(options: SuiteOptions, keep: Keep): Promise<Suite> {
  const { settings, environment, progress } = options
  const folder = await openDataFolder(dataDirOf(settings))
  keep({ name: 'data folder', layer: 'folder', stop: async () => folder.release() })
  progress.step(`data folder ${folder.path}`)
  const gatewayPort = await choosePort(settings)
  const surroundings = await provideSurroundings(options, { folder, gatewayPort, keep })

  const [operatorToken, services] = await together([
    showOperator(serviceEnvironment('gateway', surroundings, environment), progress),
    startServices({ folder, surroundings, environment, progress, keep }),
  ])
  const gatewayUrl = String(services.get('gateway')?.current().ready['url'])
  const traces = settings.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
  writeRunFile(folder, {
    gatewayUrl,
    ...(traces && { tracesUrl: surroundings.otlpEndpoint }),
    pid: process.pid,
    startedAt: new Date().toISOString(),
  })
  return { gatewayUrl, operatorToken, dataDir: folder.path }
}

/**
 * Both results; a failure of one is told only after the other has ended too, so that nothing is
 * left over.
 */
async function together<One, Other>(
  both: readonly [Promise<One>, Promise<Other>],
): Promise<[One, Other]> {
  await Promise.allSettled(both)
  return Promise.all(both)
}

async function showOperator(
  gatewayEnvironment: Readonly<Record<string, string>>,
  progress: Progress,
): Promise<string | undefined> {
  const token = await createOperator(gatewayEnvironment)
  if (token === undefined) return undefined
  // At once: should the start fail after this, the token cannot be had again.
  progress.say(`\n  The first operator's token, shown this once; only its hash is kept:\n`)
  progress.say(`    ${token}\n`)
  return token
}

async function choosePort(settings: Settings): Promise<number> {
  const { MUMEGA_HOST: host, MUMEGA_PORT: port } = settings
  if (port === 0) return freePort()
  if (!(await isPortFree(host, port))) throw portInUse(host, port)
  return port
}

interface Place {
  folder: DataFolder
  gatewayPort: number
  keep: Keep
}

/** Everything that the services need around them, ready for them. */
async function provideSurroundings(
  { settings, progress }: SuiteOptions,
  { folder, gatewayPort, keep }: Place,
): Promise<Surroundings> {
  const secrets = loadSecrets(folder.at('secrets.json'), SERVICES)
  const ledgerKeyFile = writeLogKey(folder, settings.LEDGER_ORIGIN)
  const principalsFile = loadPrincipals(folder.at('principals'))
  const servers = { folder, settings, secrets, progress, keep }
  const [adminUrl, nats] = await together([providePostgres(servers), provideNats(servers)])
  await provisionBus({ natsUrl: nats.url, adminSeed: nats.adminSeed })
  const databases = SERVICES.map((service) => ({
    service,
    migrationsDir: migrationsDirOf(service),
    password: secrets.services[service]?.databasePassword ?? '',
  }))
  await migrate(adminUrl, databases)
  progress.step('streams provided, database migrated')

  const otlpEndpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? (await receiveTraces(keep))
  const timeOriginMs = settings.MUMEGA_TIME_ORIGIN_MS ?? timeOriginOf(folder)
  return {
    ...{ settings, secrets, adminUrl, natsUrl: nats.url, otlpEndpoint },
    ...{ timeOriginMs, ledgerKeyFile, principalsFile, gatewayPort },
  }
}

/**
 * Makes the ledger's key on the first run, and beside it the public one that receipts are checked
 * with.
 */
function writeLogKey(folder: DataFolder, origin: string): string {
  const keyFile = folder.at('ledger.key')
  const seed = loadLedgerSeed(keyFile)
  const vkey = `${generateVkey(origin, signerFromSeed(origin, seed).publicKey)}\n`
  const file = folder.at('log.vkey')
  if (!existsSync(file) || readFileSync(file, 'utf8') !== vkey) replaceFile(file, vkey)
  return keyFile
}

async function receiveTraces(keep: Keep): Promise<string> {
  const receiver = await startReceiver({ tracesMax: TRACES_MAX })
  keep({ name: 'traces', layer: 'traces', stop: () => receiver.close() })
  return receiver.url
}

/** The moment from which scaled time counts: the first run's, so that time never goes back. */
function timeOriginOf(folder: DataFolder): number {
  const file = folder.at('time-origin-ms')
  if (!existsSync(file)) replaceFile(file, `${Date.now()}\n`)
  return Number(readFileSync(file, 'utf8'))
}
