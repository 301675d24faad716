/** What the test kit takes from the environment; the only place that reads it. */

/** The administrator's URL of the cluster that the global set-up started. */
export function postgresUrl(): string {
  return required('TEST_POSTGRES_URL')
}

/** The nats-server program that the global set-up found. */
export function natsProgram(): string {
  return required('TEST_NATS_SERVER')
}

/** The temporary folder of this run, removed at its end with all that it holds. */
export function runFolder(): string {
  return required('TEST_FOLDER')
}

/** A server that the person who runs the tests provides in the place of our own. */
export function providedPostgresUrl(): string | undefined {
  const url = process.env['DATABASE_URL']
  return url === '' ? undefined : url
}

/** Tells every test of this run where its servers are. */
export function publish(
  name: 'TEST_FOLDER' | 'TEST_POSTGRES_URL' | 'TEST_NATS_SERVER',
  value: string,
): void {
  process.env[name] = value
}

function required(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') {
    throw new Error(`${name} is not set: run the tests with the root's jest.config.mjs.`)
  }
  return value
}
