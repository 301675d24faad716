import { serviceUrl } from '@mumega/db/migrate'
import type { Environment } from './config.ts'
import type { Secrets } from './secrets.ts'
import type { Settings } from './settings.ts'

/** Where this run's servers are, and what only we may know. */
export interface Surroundings {
  settings: Settings
  secrets: Secrets
  adminUrl: string
  natsUrl: string
  otlpEndpoint: string
  timeOriginMs: number
  ledgerKeyFile: string
  principalsFile: string
  gatewayPort: number
}

// Settings of one service alone, by the beginning of their names, are passed on to it as they are.
const OWN_PREFIXES: Readonly<Record<string, readonly string[]>> = {
  'audit-ledger': ['LEDGER_'],
  bridge: ['BRIDGE_', 'KAFKA_'],
  objectives: ['OBJECTIVES_', 'MIRROR_'],
  gateway: ['MUMEGA_'],
}
// The administrator's, which no service may see, and those that this run has decided itself.
const NEVER_PASSED = ['MUMEGA_NATS_', 'MUMEGA_DATA_DIR']

/**
 * The whole environment of one service: its own database role, its own NATS user, its own settings,
 * and nothing that belongs to another.
 */
export function serviceEnvironment(
  service: string,
  surroundings: Surroundings,
  environment: Environment,
): Record<string, string> {
  const { settings, secrets } = surroundings
  const own = secrets.services[service]
  if (own === undefined) throw new Error(`${service} has no secrets.`)
  return {
    ...passedTo(service, environment),
    DATABASE_URL: serviceUrl(surroundings.adminUrl, service, own.databasePassword),
    NATS_URL: surroundings.natsUrl,
    NATS_NKEY_SEED: own.natsSeed,
    OTEL_SERVICE_NAME: service,
    OTEL_EXPORTER_OTLP_ENDPOINT: surroundings.otlpEndpoint,
    LOG_LEVEL: settings.LOG_LEVEL,
    MUMEGA_TIME_SCALE: String(settings.MUMEGA_TIME_SCALE),
    MUMEGA_TIME_ORIGIN_MS: String(surroundings.timeOriginMs),
    ...(service === 'gateway' && {
      MUMEGA_HOST: settings.MUMEGA_HOST,
      MUMEGA_PORT: String(surroundings.gatewayPort),
    }),
    ...(service === 'objectives' && {
      OBJECTIVES_PRINCIPALS_FILE: surroundings.principalsFile,
    }),
    ...(service === 'audit-ledger' && {
      LEDGER_ORIGIN: settings.LEDGER_ORIGIN,
      LEDGER_KEY_FILE: surroundings.ledgerKeyFile,
    }),
  }
}

function passedTo(service: string, environment: Environment): Record<string, string> {
  const prefixes = OWN_PREFIXES[service] ?? []
  const passed: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !prefixes.some((prefix) => name.startsWith(prefix))) continue
    if (NEVER_PASSED.some((secret) => name.startsWith(secret))) continue
    passed[name] = value
  }
  return passed
}
