import pg from 'pg'
import { AppError } from '@mumega/errors'

const CONNECT_MS_MAX = 10_000

/**
 * Resolves when the server answers the administrator of this URL.
 *
 * @throws local.postgres-refused
 */
export async function checkPostgres(adminUrl: string): Promise<void> {
  const client = new pg.Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: CONNECT_MS_MAX,
  })
  try {
    await client.connect()
    await client.query('select 1')
  } catch (cause) {
    throw new AppError(
      'local.postgres-refused',
      'unavailable',
      `PostgreSQL at ${placeOf(adminUrl)} does not answer the administrator: ${reasonOf(cause)}.`,
      { cause },
    )
  } finally {
    await client.end().catch(() => undefined)
  }
}

// Never the whole URL: it holds the password.
function placeOf(adminUrl: string): string {
  return URL.canParse(adminUrl) ? new URL(adminUrl).host : 'DATABASE_URL'
}

function reasonOf(cause: unknown): string {
  // An address with several meanings (localhost) fails with one error for each and no text of its
  // own.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause
  return first instanceof Error ? first.message : 'it gave no reason'
}
