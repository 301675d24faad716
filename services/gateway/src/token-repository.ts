import type { Knex } from 'knex'
import type { Scope } from '@mumega/contracts/gateway'
import type { Token, TokenKind } from './token.ts'

interface TokenRow {
  token_id: string
  kind: TokenKind
  tenant_id: string
  agent: string | null
  scopes: Scope[]
  created_at: Date
  expires_at: Date
  revoked_at: Date | null
}

/**
 * The token whose secret has this hash, of whichever tenant, in one round trip: the query of
 * authentication, before a tenant is known.
 */
export async function findTokenByHash(db: Knex, hash: Buffer): Promise<Token | undefined> {
  const found = await db.raw<{ rows: TokenRow[] }>('select * from find_token(?)', [hash])
  const row = found.rows[0]
  return row === undefined ? undefined : tokenOf(row)
}

/**
 * Locks the row of a token of whichever tenant until `trx` ends, against its revocation; others may
 * hold it so at the same time.
 */
export async function lockToken(
  trx: Knex.Transaction,
  tokenId: string,
): Promise<Pick<Token, 'revokedAt' | 'expiresAt'> | undefined> {
  const found = await trx.raw<{ rows: Pick<TokenRow, 'revoked_at' | 'expires_at'>[] }>(
    'select * from lock_token(?)',
    [tokenId],
  )
  const row = found.rows[0]
  if (row === undefined) return undefined
  return { revokedAt: row.revoked_at ?? undefined, expiresAt: row.expires_at }
}

/**
 * Waits until no other revocation is under way. Each holds its own token and wants another's, so
 * that two at once could wait for each other.
 */
export async function lockRevocations(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtext('gateway.revoke-token'))`)
}

/** Locks the token's row until `trx` ends. */
export async function findTokenForUpdate(
  trx: Knex.Transaction,
  tokenId: string,
): Promise<Token | undefined> {
  const row = await trx<TokenRow>('tokens').where({ token_id: tokenId }).forUpdate().first()
  return row === undefined ? undefined : tokenOf(row)
}

export async function findToken(
  trx: Knex.Transaction,
  tokenId: string,
): Promise<Token | undefined> {
  const row = await trx<TokenRow>('tokens').where({ token_id: tokenId }).first()
  return row === undefined ? undefined : tokenOf(row)
}

/** Whether an operator's token could be used at `now`. */
export async function hasLiveOperator(trx: Knex.Transaction, now: Date): Promise<boolean> {
  const row = await trx<TokenRow>('tokens')
    .where({ kind: 'operator' })
    .whereNull('revoked_at')
    .where('expires_at', '>', now)
    .first('token_id')
  return row !== undefined
}

/** Tokens of one tenant, newest first, after the token `after`. */
export async function listTokens(
  trx: Knex.Transaction,
  page: { tenantId: string; limit: number; after: string | undefined },
): Promise<Token[]> {
  const query = trx<TokenRow>('tokens').where({ tenant_id: page.tenantId })
  // Ids are UUIDv7: their order is the order of creation.
  if (page.after !== undefined) void query.where('token_id', '<', page.after)
  const rows = await query.orderBy('token_id', 'desc').limit(page.limit)
  return rows.map(tokenOf)
}

export async function insertToken(
  trx: Knex.Transaction,
  token: Token,
  hash: Buffer,
): Promise<void> {
  await trx('tokens').insert({
    token_id: token.tokenId,
    token_hash: hash,
    kind: token.kind,
    tenant_id: token.tenantId,
    agent: token.agent ?? null,
    scopes: token.scopes,
    created_at: token.createdAt,
    expires_at: token.expiresAt,
  })
}

export async function updateRevokedAt(
  trx: Knex.Transaction,
  token: { tokenId: string; revokedAt: Date },
): Promise<void> {
  await trx('tokens').where({ token_id: token.tokenId }).update({ revoked_at: token.revokedAt })
}

function tokenOf(row: TokenRow): Token {
  return {
    tokenId: row.token_id,
    kind: row.kind,
    tenantId: row.tenant_id,
    agent: row.agent ?? undefined,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
  }
}
