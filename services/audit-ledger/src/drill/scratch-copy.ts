import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { migrate, roleOf } from '@mumega/db/migrate'
import { checkpointCopyAt } from '../signing/checkpoint-copy.ts'
import { DRILL_LOCK, ERASED_CHANNEL, LIST_COPIES } from './copies.ts'
import { DrillRefused } from './refused.ts'

export interface CopyOptions {
  /** The administrator's, of the database that holds the ledger: it is only read. */
  readonly adminUrl: string
  /** The newest checkpoint outside the database. */
  readonly checkpointFile: string
  /** A larger log is not copied. */
  readonly bytesMax: number
  readonly signal: AbortSignal
  /** Called when a payload was erased that may be in the copy: it has to be removed. */
  readonly onErasure: () => void
}

/** The log, as it was in one moment, in a database of its own. */
export interface ScratchCopy {
  readonly name: string
  /** The administrator's. */
  readonly url: string
  readonly checkpointFile: string
  readonly bytes: number
  remove(): Promise<void>
}

const SERVICE = 'audit-ledger'
const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url))
/** What the scrubber reads of the log itself. */
const TABLES = [
  ...['event_batches', 'payload_batches', 'event_keys', 'checkpoints', 'subtrees'],
  ...['audit_chain_anchors', 'chains', 'log_head', 'redactions'],
]
const CONNECT_MS_MAX = 5_000

/**
 * Copies the log into a new database of the same server, and removes what a drill that was killed
 * has left there.
 *
 * @throws DrillRefused where another drill is on, the log is too large, or the ledger was migrated
 * by another version of this program
 */
export async function makeScratchCopy(options: CopyOptions): Promise<ScratchCopy> {
  const source = await connect(options.adminUrl)
  let made: { name: string; folder: string } | undefined

  async function remove(): Promise<void> {
    // The drill may have ended in the middle of a copy: then this connection is of no use any more.
    await source.end()
    if (made === undefined) return
    await rm(made.folder, { recursive: true, force: true })
    await runOn(options.adminUrl, `drop database if exists ${made.name} with (force)`)
  }

  try {
    const prefix = await lockedPrefix(source)
    // Before there is a copy: whoever erases looks for one after it, and then tells.
    source.on('notification', options.onErasure)
    await source.query(`listen ${ERASED_CHANNEL}`)
    const bytes = await checkedSize(source, options.bytesMax)
    const folder = await mkdtemp(join(tmpdir(), 'mumega-drill-'))
    made = { name: `${prefix}${randomBytes(6).toString('hex')}`, folder }
    const checkpointFile = join(folder, 'checkpoint')
    // Before the tables are read: it must not be newer than they are.
    const note = await checkpointCopyAt(options.checkpointFile).read()
    if (note !== undefined) await writeFile(checkpointFile, note)
    // The ledger's own, so that an erasure can remove what this program leaves when it is killed.
    await source.query(`create database ${made.name} owner ${roleOf(SERVICE)}`)
    const url = withDatabase(options.adminUrl, made.name)
    await migrate(url, [{ service: SERVICE, migrationsDir: MIGRATIONS }])
    await copyTables(source, url, options.signal)
    return { name: made.name, url, checkpointFile, bytes, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The names of this ledger's copies begin with it. Locked as long as the connection is open. */
async function lockedPrefix(source: Client): Promise<string> {
  const answer = await source.query<{ is_free: boolean; oid: string }>(
    `select pg_try_advisory_lock(${DRILL_LOCK}) as is_free, oid from pg_database
      where datname = current_database()`,
  )
  const [row] = answer.rows
  if (row?.is_free !== true) throw new DrillRefused('Another drill is on. Wait until it has ended.')
  const left = await source.query<{ datname: string }>(LIST_COPIES)
  for (const { datname } of left.rows) {
    await source.query(`drop database if exists ${source.escapeIdentifier(datname)} with (force)`)
  }
  return `mumega_drill_${row.oid}_`
}

async function checkedSize(source: Client, bytesMax: number): Promise<number> {
  const found = await source.query<{ size: string | null; bytes: string }>(
    `select (select size from audit_ledger.log_head) as size,
            sum(pg_total_relation_size('audit_ledger.' || name)) as bytes
       from unnest($1::text[]) as name`,
    [TABLES],
  )
  const bytes = Number(found.rows[0]?.bytes)
  if (Number(found.rows[0]?.size) === 0) {
    throw new DrillRefused('The log is empty: there is nothing to alter. Send a message first.')
  }
  if (bytes <= bytesMax) return bytes
  throw new DrillRefused(
    `The log has ${mib(bytes)} MiB, and at most ${mib(bytesMax)} MiB are copied. Allow more with --mib.`,
  )
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576)
}

async function copyTables(source: Client, url: string, signal: AbortSignal): Promise<void> {
  const target = await connect(url)
  try {
    // One moment of the log, which grows meanwhile.
    await source.query('begin isolation level repeatable read read only')
    await compareVersions(source, target)
    // What asks for an audit intent with each redaction is not asked here.
    await target.query('set session_replication_role = replica')
    // Made by the migrations.
    await target.query('delete from audit_ledger.log_head')
    for (const table of TABLES) {
      signal.throwIfAborted()
      const rows = source.query(copyTo(`copy audit_ledger.${table} to stdout (format binary)`))
      const into = `copy audit_ledger.${table} from stdin (format binary)`
      await pipeline(rows, target.query(copyFrom(into)), { signal })
    }
    await source.query('commit')
    await target.query('analyze')
    const database = target.escapeIdentifier(target.database ?? '')
    // As a migration, the drill alters what refuses to be altered.
    for (const setting of [`search_path = audit_ledger`, `mumega.migrating = 'on'`]) {
      await target.query(`alter role current_user in database ${database} set ${setting}`)
    }
  } finally {
    await target.end()
  }
}

/** A table that the other one does not have, or has otherwise, could not be copied. */
async function compareVersions(source: Client, target: Client): Promise<void> {
  const text = 'select name, hash from audit_ledger.schema_migrations order by name'
  const [theirs, ours] = [await source.query(text), await target.query(text)]
  if (JSON.stringify(theirs.rows) === JSON.stringify(ours.rows)) return
  throw new DrillRefused(
    'The ledger was migrated by another version of this program. Start that one, or drill with it.',
  )
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX })
  // A query that is under way tells of it.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const where = `The ledger's PostgreSQL at ${placeOf(url)}`
    // It says no by SQLSTATE, whose first character is a digit here; the system by a name.
    if (/^\d/.test(why)) {
      throw new DrillRefused(
        `${where} lets nobody in as its administrator: ${why}. Check DATABASE_URL.`,
      )
    }
    throw new DrillRefused(
      `${where} does not answer: ${why}. Check that it runs and can be reached there, then try again.`,
    )
  }
  return client
}

/** Without a user and a password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `postgres://${host}${pathname}`
}

async function runOn(url: string, text: string): Promise<void> {
  const client = await connect(url)
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

function withDatabase(url: string, name: string): string {
  const other = new URL(url)
  other.pathname = `/${name}`
  return other.href
}
