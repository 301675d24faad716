import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

export interface CopyOrder {
  readonly rows: number
  readonly perCommit: number
  readonly entryBytes: number
}

const CHAINS = 8
const ID_MS = 1_763_000_000_000
const IDS_PER_MS = 20

/**
 * Rows per second that PostgreSQL takes by COPY in its usual text form, a commit for each
 * `perCommit`: one row for each event with both unique indexes and with everything that the ledger
 * keeps of it. Nothing is hashed, and the text is made beforehand.
 * What others left to write is written before.
 */
export async function measureCopy(adminUrl: string, order: CopyOrder): Promise<number> {
  const client = new Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(`create table ev (
    id uuid not null, log_index bigint not null, seq bigint not null, number bigint not null,
    source text collate "C" not null, chain text collate "C" not null, intent_hash bytea not null,
    entry text not null, leaf_hash bytea not null, salt bytea not null, payload text not null,
    unique (id, source), unique (chain, seq))`)
  const commits: string[] = []
  for (let first = 0; first < order.rows; first += order.perCommit) {
    const some = Array.from({ length: order.perCommit }, (_, nth) =>
      rowOf(first + nth, order.entryBytes),
    )
    commits.push(some.join(''))
  }
  await client.query('checkpoint')
  const startedMs = performance.now()
  for (const text of commits) {
    await pipeline(Readable.from([Buffer.from(text)]), client.query(copyFrom('copy ev from stdin')))
  }
  const seconds = (performance.now() - startedMs) / 1_000
  await client.query('drop table ev')
  await client.end()
  return (commits.length * order.perCommit) / seconds
}

function rowOf(index: number, entryBytes: number): string {
  const id = idAt(index)
  const hash = () => `\\\\x${randomBytes(32).toString('hex')}`
  const entry = randomBytes(Math.ceil(entryBytes / 2))
    .toString('hex')
    .slice(0, entryBytes)
  const payload = { messageId: id, recipient: 'agent:reader', textBytes: 1_234, kind: 'send' }
  const fields = [
    id,
    index,
    Math.floor(index / CHAINS) + 1,
    index + 1,
    'bridge',
    `tenant-${index % CHAINS}`,
    hash(),
    entry,
    hash(),
    hash(),
    JSON.stringify(payload),
  ]
  return `${fields.join('\t')}\n`
}

// As a UUIDv7 is: rising in front, random behind.
function idAt(index: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(ID_MS + Math.floor(index / IDS_PER_MS), 0, 6)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
