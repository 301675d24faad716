import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { natsConfig } from '@mumega/bus/streams'
import { SERVICES } from '@mumega/contracts/topology'
import { migrate, serviceUrl } from '@mumega/db/migrate'
import { loadLedgerSeed } from './ledger-key.ts'
import { publicNkeyOf } from './nkeys.ts'
import { migrationsDirOf } from './paths.ts'
import { loadPrincipals } from './principals.ts'
import { provisionBus } from './provision.ts'
import { replaceFile } from './replace-file.ts'
import { loadSecrets, type Secrets } from './secrets.ts'

/** An installation whose parts run on hosts of their own, as those of docker-compose.yml do. */
export interface Installation {
  /** Holds one folder for each party, so that each can be given its own secrets only. */
  secretsDir: string
  /** `host:port/database`. */
  postgresAddress: string
  /** Host names of the NATS servers, which form a cluster when there are several. */
  natsHosts: readonly string[]
  /** Where the NATS servers keep their streams. */
  natsStoreDir: string
}

export const NATS_PORT = 4222
export const NATS_CLUSTER_PORT = 6222

/**
 * Writes what has to be there before anything starts: keys, passwords, each NATS server's
 * configuration and each service's `service.env`. What is there already is kept.
 *
 * @throws local.secrets-unreadable, local.ledger-key-unreadable
 */
export function writeSecrets(installation: Installation): void {
  const folder = (name: string) => folderOf(installation, name)
  const secrets = secretsOf(installation)
  replaceFile(join(folder('postgres'), 'password'), secrets.postgresPassword)
  const password = keptPassword(join(folder('init'), 'cluster-password'))
  for (const host of installation.natsHosts) {
    const config = natsConfigOf({ installation, secrets, host, password })
    replaceFile(join(folder('nats'), `${host}.conf`), config)
  }
  for (const service of SERVICES) {
    replaceFile(join(folder(service), 'service.env'), environmentFile(installation, service))
  }
  loadLedgerSeed(join(folder('audit-ledger'), 'ledger.key'))
  // The keys are the operators' to take away: no service gets them.
  const principals = readFileSync(loadPrincipals(folder('principals')), 'utf8')
  replaceFile(join(folder('objectives'), 'principals.json'), principals)
}

/** Creates the streams, a copy on up to three servers, and brings every schema up to date. */
export async function provision(installation: Installation): Promise<void> {
  const secrets = secretsOf(installation)
  await migrate(
    adminUrlOf(installation),
    SERVICES.map((service) => ({
      service,
      migrationsDir: migrationsDirOf(service),
      password: secrets.services[service]?.databasePassword ?? '',
    })),
  )
  await provisionBus({
    natsUrl: natsUrlOf(installation),
    adminSeed: secrets.natsAdminSeed,
    replicas: Math.min(3, installation.natsHosts.length),
  })
}

function folderOf({ secretsDir }: Installation, name: string): string {
  const folder = join(secretsDir, name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

function secretsOf(installation: Installation): Secrets {
  return loadSecrets(join(folderOf(installation, 'init'), 'secrets.json'), SERVICES)
}

function keptPassword(path: string): string {
  if (!existsSync(path)) replaceFile(path, randomBytes(24).toString('base64url'))
  return readFileSync(path, 'utf8')
}

function natsConfigOf(server: {
  installation: Installation
  secrets: Secrets
  host: string
  password: string
}): string {
  const { installation, secrets, host, password } = server
  const others = installation.natsHosts.filter((other) => other !== host)
  return natsConfig({
    port: NATS_PORT,
    host: '0.0.0.0',
    storeDir: installation.natsStoreDir,
    users: Object.fromEntries(
      Object.entries(secrets.services).map(([service, { natsSeed }]) => {
        return [service, publicNkeyOf(natsSeed)]
      }),
    ),
    adminPublicNkey: publicNkeyOf(secrets.natsAdminSeed),
    ...(others.length > 0 && {
      clusterOptions: {
        clusterName: 'mumega',
        serverName: host,
        host: '0.0.0.0',
        port: NATS_CLUSTER_PORT,
        routes: others.map((other) => `${other}:${NATS_CLUSTER_PORT}`),
        password,
      },
    }),
  })
}

function environmentFile(installation: Installation, service: string): string {
  const own = secretsOf(installation).services[service]
  if (own === undefined) throw new Error(`${service} has no secrets.`)
  const environment = {
    DATABASE_URL: serviceUrl(adminUrlOf(installation), service, own.databasePassword),
    NATS_URL: natsUrlOf(installation),
    NATS_NKEY_SEED: own.natsSeed,
  }
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return `${lines.join('\n')}\n`
}

function adminUrlOf(installation: Installation): string {
  const { postgresPassword } = secretsOf(installation)
  return `postgres://postgres:${postgresPassword}@${installation.postgresAddress}`
}

function natsUrlOf({ natsHosts }: Installation): string {
  return natsHosts.map((host) => `nats://${host}:${NATS_PORT}`).join(',')
}
