/**
 * What this package reads from the environment. Every variable has OpenTelemetry's or pino's own
 * meaning.
 */
export interface TelemetryConfig {
  /** Base URL of an OTLP/HTTP collector. Absent: nothing is exported. */
  readonly endpoint: string | undefined
  readonly serviceName: string
  readonly logLevel: string
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/**
 * The settings of this process. A log level that pino does not know counts as `info`, and an
 * endpoint that is no http URL counts as a mistake that stops the process: silence would look like
 * a collector that is away.
 */
export function loadTelemetryConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): TelemetryConfig {
  const endpoint = environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  const level = environment['LOG_LEVEL'] ?? ''
  return {
    endpoint: endpoint === undefined || endpoint === '' ? undefined : checkedUrl(endpoint),
    serviceName: environment['OTEL_SERVICE_NAME'] || 'unknown',
    logLevel: LOG_LEVELS.includes(level) ? level : 'info',
  }
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new Error('OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL.')
  }
  return text.replace(/\/+$/, '')
}
