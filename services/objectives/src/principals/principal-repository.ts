import { PRINCIPALS_MAX, PRINCIPAL_KEYS_MAX } from '@mumega/contracts/principals'
import type { Principal, PrincipalKey } from '@mumega/contracts/principals'
import type { Knex } from '@mumega/db'
import { shareLock, takeLock } from '@mumega/db/named-lock'
import { generateVkey } from '@mumega/tlog/note'

interface KeyRow {
  principal_id: string
  number: number
  public_key: Buffer
  valid_from: Date
  valid_until: Date | null
  rotation: string | null
}

interface PrincipalRow extends KeyRow {
  display_name: string
  status: Principal['status']
  registered_at: Date
  status_changed_at: Date | null
  status_reason: string | null
}

const SELECT_PRINCIPALS = `
  select p.principal_id, p.display_name, p.status, p.registered_at, p.status_changed_at,
         p.status_reason, k.number, k.public_key, k.valid_from, k.valid_until, k.rotation
    from substrate_principals p
    join principal_keys k on k.principal_id = p.principal_id and k.valid_until is null`

/** Sorted by their ids. */
export async function listPrincipals(trx: Knex): Promise<Principal[]> {
  const found = await trx.raw<{ rows: PrincipalRow[] }>(
    `${SELECT_PRINCIPALS} order by p.principal_id limit ?`,
    [PRINCIPALS_MAX],
  )
  return found.rows.map(principalOf)
}

export async function findPrincipal(
  trx: Knex,
  principalId: string,
): Promise<Principal | undefined> {
  const found = await trx.raw<{ rows: PrincipalRow[] }>(
    `${SELECT_PRINCIPALS} where p.principal_id = ?`,
    [principalId],
  )
  return found.rows.map(principalOf)[0]
}

/** As `findPrincipal`; nobody else changes the principal or its key until `trx` ends. */
export async function lockPrincipal(
  trx: Knex.Transaction,
  principalId: string,
): Promise<Principal | undefined> {
  await takeLock(trx, lockName(principalId))
  // By a statement after it, which sees what was committed while it waited.
  return findPrincipal(trx, principalId)
}

/** As `findPrincipal`; the principal stays as it is until `trx` ends, for acts of any tenant. */
export async function holdPrincipal(
  trx: Knex.Transaction,
  principalId: string,
): Promise<Principal | undefined> {
  // No lock of the row: only acts of the substrate may have that.
  await shareLock(trx, lockName(principalId))
  return findPrincipal(trx, principalId)
}

function lockName(principalId: string): string {
  return `principal/${principalId}`
}

/** The newest first. */
export async function listKeys(trx: Knex, principalId: string): Promise<PrincipalKey[]> {
  const rows = await trx<KeyRow>('principal_keys')
    .where({ principal_id: principalId })
    .orderBy('number', 'desc')
    .limit(PRINCIPAL_KEYS_MAX)
  return rows.map(keyOf)
}

export interface NewPrincipal {
  principalId: string
  displayName: string
  /** 32 bytes. */
  publicKey: Buffer
  registeredAt: Date
}

/**
 * With its first key. `known` when it is there already, also by another transaction just now;
 * `key-used` when its key is on record, of another; `full` when there are as many as may be.
 */
export async function insertPrincipal(
  trx: Knex.Transaction,
  { principalId, displayName, publicKey, registeredAt }: NewPrincipal,
): Promise<'added' | 'known' | 'key-used' | 'full'> {
  // One at a time, so that no two take the last place.
  await takeLock(trx, 'principals')
  const added = await trx.raw<{ rowCount: number }>(
    `insert into substrate_principals (principal_id, display_name, registered_at)
     values (?, ?, ?) on conflict do nothing`,
    [principalId, displayName, registeredAt],
  )
  if (added.rowCount === 0) return 'known'
  const key = await trx.raw<{ rowCount: number }>(
    `insert into principal_keys (principal_id, number, public_key, valid_from)
     values (?, 1, ?, ?) on conflict (public_key) do nothing`,
    [principalId, publicKey, registeredAt],
  )
  if (key.rowCount === 0) return 'key-used'
  const [row] = await trx('substrate_principals').count<{ count: string }[]>({ count: '*' })
  return Number(row?.count) > PRINCIPALS_MAX ? 'full' : 'added'
}

/** False when the key is on record, of whomever. Needs `lockPrincipal`. */
export async function replaceKey(
  trx: Knex.Transaction,
  key: { principalId: string; number: number; publicKey: Buffer; rotation: string; at: Date },
): Promise<boolean> {
  const { principalId, number, publicKey, rotation, at } = key
  await trx('principal_keys')
    .where({ principal_id: principalId, number: number - 1 })
    .update({ valid_until: at })
  const added = await trx.raw<{ rowCount: number }>(
    `insert into principal_keys (principal_id, number, public_key, valid_from, rotation)
     values (?, ?, ?, ?, ?) on conflict (public_key) do nothing`,
    [principalId, number, publicKey, at, rotation],
  )
  return added.rowCount === 1
}

export async function updateStatus(
  trx: Knex.Transaction,
  change: { principalId: string; status: Principal['status']; reason: string; at: Date },
): Promise<void> {
  await trx('substrate_principals').where({ principal_id: change.principalId }).update({
    status: change.status,
    status_changed_at: change.at,
    status_reason: change.reason,
  })
}

function principalOf(row: PrincipalRow): Principal {
  return {
    principalId: row.principal_id,
    displayName: row.display_name,
    status: row.status,
    registeredAt: row.registered_at.toISOString(),
    ...(row.status_changed_at !== null && {
      statusChangedAt: row.status_changed_at.toISOString(),
    }),
    ...(row.status_reason !== null && { statusReason: row.status_reason }),
    key: keyOf(row),
  }
}

function keyOf(row: KeyRow): PrincipalKey {
  return {
    number: row.number,
    vkey: generateVkey(row.principal_id, row.public_key),
    validFrom: row.valid_from.toISOString(),
    ...(row.valid_until !== null && { validUntil: row.valid_until.toISOString() }),
    ...(row.rotation !== null && { rotation: row.rotation }),
  }
}
