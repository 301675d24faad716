import { types } from 'node:util'
import { AppError } from '@mumega/errors'

// Of the system and of SQLSTATE: connection exceptions, shutdown, start-up, too many connections, a
// statement or transaction that took too long or was cancelled, a lock that was not to be had in
// time, deadlock and serialisation failure. After any of them the same request may be made again
// with the same request id.
const CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'ETIMEDOUT',
  '25P03',
  '40001',
  '40P01',
  '53300',
  '55P03',
  '57014',
  '57P01',
  '57P02',
  '57P03',
])
const MESSAGES = /Connection terminated|timeout expired|Client has encountered a connection error/

/**
 * Runs `work`; a failure of the connection becomes `db.unavailable`, whose outcome is unknown: the
 * transaction may have been committed. Any other failure is thrown as it is.
 */
export async function asUnavailable<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!isConnectionFailure(error)) throw error
    throw new AppError(
      'db.unavailable',
      'unavailable',
      'The database cannot be reached; try again.',
      {
        cause: error,
      },
    )
  }
}

function isConnectionFailure(error: unknown): boolean {
  // Not `instanceof`: a test runner's realm has an Error of its own.
  if (!types.isNativeError(error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    CODES.has(code) ||
    code.startsWith('08') ||
    error.name === 'KnexTimeoutError' ||
    MESSAGES.test(error.message)
  )
}
