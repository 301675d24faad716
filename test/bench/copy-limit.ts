import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

// COPY's binary form: a header, then for each row the number of fields and each field behind its length.
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const TRAILER = Buffer.from([0xff, 0xff])
const CHAINS = 8

/**
 * Rows per second that PostgreSQL takes by COPY: one row for each event with both unique indexes, `entryBytes` long
 * entries, a commit for each `perCommit` rows. Nothing is hashed, and the bytes are made beforehand.
 */
export async function measureCopy(
  adminUrl: string,
  { rows, perCommit, entryBytes }: { rows: number; perCommit: number; entryBytes: number },
): Promise<number> {
  const client = new Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(`create table ev (
    id uuid not null, log_index bigint not null, seq bigint not null, number bigint not null,
    source text collate "C" not null, chain text collate "C" not null, entry bytea not null,
    unique (id, source), unique (chain, seq))`)
  const commits: Buffer[] = []
  for (let first = 0; first < rows; first += perCommit) {
    const some = Array.from({ length: perCommit }, (_, nth) => rowOf(first + nth, entryBytes))
    commits.push(Buffer.concat([HEADER, ...some, TRAILER]))
  }
  const startedMs = performance.now()
  for (const bytes of commits) {
    await pipeline(Readable.from([bytes]), client.query(copyFrom('copy ev from stdin binary')))
  }
  const seconds = (performance.now() - startedMs) / 1_000
  await client.query('drop table ev')
  await client.end()
  return (commits.length * perCommit) / seconds
}

function rowOf(index: number, entryBytes: number): Buffer {
  const seq = Math.floor(index / CHAINS) + 1
  const fields = [
    uuidAt(index),
    bigint(index),
    bigint(seq),
    bigint(index + 1),
    Buffer.from('bridge'),
    Buffer.from(`tenant-${index % CHAINS}`),
    randomBytes(entryBytes),
  ]
  const count = Buffer.alloc(2)
  count.writeInt16BE(fields.length)
  return Buffer.concat([count, ...fields.flatMap((field) => [length(field.length), field])])
}

// As a UUIDv7 is: rising in front, random behind.
function uuidAt(index: number): Buffer {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(1_763_000_000_000 + Math.floor(index / 20), 0, 6)
  return bytes
}

function bigint(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

function length(bytes: number): Buffer {
  const field = Buffer.alloc(4)
  field.writeInt32BE(bytes)
  return field
}
