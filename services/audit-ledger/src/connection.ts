import type { Readable } from 'node:stream'
import { to as copyTo } from 'pg-copy-streams'
import {
  Client,
  type ClientConfig,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
} from 'pg'

/** One connection of its own, opened when it is first used and again after it broke. */
export interface Connection {
  /** Throws what `pg` throws; after a broken connection the outcome is unknown. */
  query<Row extends QueryResultRow>(query: QueryConfig): Promise<QueryResult<Row>>
  /** What a `copy … to stdout` gives, whole; the statement bounds how much that is. */
  copyOut(statement: string): Promise<Buffer>
  /** What the server was asked longest ago and has not answered. */
  unanswered(): { readonly pid: number; readonly sinceMs: number } | undefined
  /** Ends it at once: what is not answered fails, and its outcome is unknown. */
  cut(): void
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 2_000
const STATEMENT_TIMEOUT_MS = 10_000
// The server's own timeout does not reach us through a connection that is cut silently. In a
// pipeline it begins when the statement before has ended.
const answerMsOf = ({ statementMs, isPipelined }: Required<ConnectionOptions>) =>
  (isPipelined ? 2 : 1) * statementMs + CONNECT_TIMEOUT_MS
// What does not end in this time is cut off.
const CLOSE_MS_MAX = 1_000

/** `pg` takes it with each query; the declared types do not know it. */
interface BoundedQuery extends QueryConfig {
  query_timeout: number
}

/** `pg` takes it, too. */
interface PipelinedConfig extends ClientConfig {
  pipeline: boolean
}

export interface ConnectionOptions {
  /** Milliseconds that the server gives to one statement. */
  readonly statementMs?: number
  /**
   * Sends each query at once, behind those that are not answered yet; the server takes them in that
   * order, each as a transaction of its own. Without `copyOut`.
   */
  readonly isPipelined?: boolean
}

/**
 * Opens a connection that sees every chain. The paths that seal, sign and record drops have one
 * each, so that none waits for another's statement, and a full pool of readers stops none of them.
 */
export function openConnection(
  url: string,
  { statementMs = STATEMENT_TIMEOUT_MS, isPipelined = false }: ConnectionOptions = {},
): Connection {
  const answerMs = answerMsOf({ statementMs, isPipelined })
  let current: Client | undefined
  let connecting: Promise<Client> | undefined
  let isClosed = false

  function forget(client: Client): void {
    if (current === client) current = undefined
  }

  async function connect(): Promise<Client> {
    const client = clientFor(url, { statementMs, isPipelined })
    client.on('error', () => {
      forget(client)
    })
    client.on('end', () => {
      forget(client)
    })
    await client.connect()
    current = client
    return client
  }

  async function connected(): Promise<Client> {
    if (isClosed) throw new Error('the connection was closed')
    if (current !== undefined) return current
    connecting ??= connect().finally(() => {
      connecting = undefined
    })
    return connecting
  }

  const asked = openQuestions()

  async function use<Result>(run: (client: Client) => Promise<Result>): Promise<Result> {
    const client = await connected()
    const question = asked.add(client)
    try {
      return await run(client)
    } catch (error) {
      if (!isStatementError(error)) {
        forget(client)
        // Its end is not awaited: it may hang as long as the network does.
        client.end().catch(() => undefined)
      }
      throw error
    } finally {
      asked.remove(question)
    }
  }

  return {
    query: <Row extends QueryResultRow>(query: QueryConfig) =>
      use((client) => {
        const bounded: BoundedQuery = { ...query, query_timeout: answerMs }
        return client.query<Row>(bounded)
      }),
    copyOut: (statement) => use((client) => readAll(client.query(copyTo(statement)), answerMs)),
    unanswered: asked.oldest,
    cut: asked.cut,
    async close() {
      isClosed = true
      const client = current ?? (await connecting?.catch(() => undefined))
      if (client !== undefined) await endOf(client)
    },
  }
}

interface Question {
  readonly client: Client
  readonly sinceMs: number
}

/** What was asked and is not answered. */
function openQuestions() {
  // In the order in which it was asked.
  const open = new Set<Question>()
  return {
    add(client: Client): Question {
      const question = { client, sinceMs: performance.now() }
      open.add(question)
      return question
    },
    remove: (question: Question) => void open.delete(question),
    oldest(): { pid: number; sinceMs: number } | undefined {
      for (const { client, sinceMs } of open) {
        // Set by `pg` once it is connected; the declared types do not know it.
        const { processID: pid } = client as Client & { processID: number | null }
        return pid === null ? undefined : { pid, sinceMs }
      }
      return undefined
    },
    cut(): void {
      for (const { client } of open) client.connection.stream.destroy()
    },
  }
}

function clientFor(url: string, { statementMs, isPipelined }: Required<ConnectionOptions>): Client {
  const config: PipelinedConfig = {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementMs,
    // Not what the role was given: nothing may stand before PostgreSQL's own catalog.
    options: '-c mumega.tenant_id=substrate -c search_path=audit_ledger,pg_temp',
    keepAlive: true,
    pipeline: isPipelined,
  }
  return new Client(config)
}

/** A server that is gone without a word never takes its leave. */
async function endOf(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS_MAX)
  })
  await Promise.race([client.end(), late])
  clearTimeout(timer)
}

async function readAll(stream: Readable, answerMs: number): Promise<Buffer> {
  const timer = setTimeout(() => {
    stream.destroy(new Error('the database stopped answering'))
  }, answerMs)
  try {
    const chunks: Buffer[] = []
    // The stream has no encoding set, so that each chunk is bytes.
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  } finally {
    clearTimeout(timer)
  }
}

/** The server refused the statement itself: it was rolled back, and the connection goes on. */
function isStatementError(error: unknown): boolean {
  const code = sqlStateOf(error)
  return code !== undefined && !/^(08|57P|58|XX)/.test(code)
}

/** The five characters of the server's error code; undefined when the error is not the server's. */
function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') {
    return undefined
  }
  return /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error ? error.code : undefined
}

/** The name of the unique constraint that the statement broke; undefined for any other error. */
export function brokenUniqueOf(error: unknown): string | undefined {
  if (sqlStateOf(error) !== '23505') return undefined
  return error instanceof Error && 'constraint' in error ? String(error.constraint) : undefined
}
