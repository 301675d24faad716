import type { Knex } from 'knex'
import type { RateClass, Scope } from '@mumega/contracts/gateway'
import { takeLock } from '@mumega/db/named-lock'
import type { Token, TokenKind } from './token.ts'

interface TokenRow {
  token_id: string
  kind: TokenKind
  tenant_id: string
  agent: string | null
  scopes: Scope[]
  rate_class: RateClass
  created_at: Date
  expires_at: Date
  /** As it is selected here: the first revocation of any of the token's lineage. */
  revoked_at: Date | null
  parent_token_id: string | null
  root_token_id: string | null
  depth: number
}

// A token ends with its ancestors, marked or not, so nothing tells the column `revoked_at` alone.
// Named last, this is what `revoked_at` of a row then is.
const EFFECTIVE = `tokens.*, (select min(one.revoked_at) from tokens one
  where one.token_id in (tokens.token_id, tokens.parent_token_id, tokens.root_token_id))
  as revoked_at`

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
 * Locks the rows of a token of whichever tenant and of its ancestors until `trx` ends, against the
 * revocation of any of them; others may hold them so at the same time.
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

/** Waits until no other delegation in this tree is under way: they count before they add. */
export async function lockTree(trx: Knex.Transaction, rootTokenId: string): Promise<void> {
  await takeLock(trx, `gateway.delegate-token ${rootTokenId}`)
}

/** Locks the token's row until `trx` ends. */
export async function findTokenForUpdate(
  trx: Knex.Transaction,
  tokenId: string,
): Promise<Token | undefined> {
  await trx('tokens').where({ token_id: tokenId }).forUpdate().first('token_id')
  // Of its own: what the lock waited for is not in the statement that waited.
  return findToken(trx, tokenId)
}

export async function findToken(
  trx: Knex.Transaction,
  tokenId: string,
): Promise<Token | undefined> {
  const row = await trx<TokenRow>('tokens')
    .where({ token_id: tokenId })
    .first<TokenRow | undefined>(trx.raw(EFFECTIVE))
  return row === undefined ? undefined : tokenOf(row)
}

/** The descendants of a live token that could be used at `now`. */
export async function listLiveDescendants(
  trx: Knex.Transaction,
  ancestorId: string,
  now: Date,
): Promise<Token[]> {
  const rows = await trx('tokens')
    .whereRaw('? in (parent_token_id, root_token_id)', [ancestorId])
    .whereNull('revoked_at')
    .where('expires_at', '>', now)
    .orderBy('token_id')
    .select<TokenRow[]>(trx.raw(EFFECTIVE))
  return rows.map(tokenOf).filter(({ revokedAt }) => revokedAt === undefined)
}

/** Whether an operator's own token could be used at `now`; no delegated one is live without. */
export async function hasLiveOperator(trx: Knex.Transaction, now: Date): Promise<boolean> {
  const row = await trx<TokenRow>('tokens')
    .where({ kind: 'operator', depth: 1 })
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
  const rows = await query
    .orderBy('token_id', 'desc')
    .limit(page.limit)
    .select<TokenRow[]>(trx.raw(EFFECTIVE))
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
    rate_class: token.rateClass,
    parent_token_id: token.parentTokenId ?? null,
    root_token_id: token.depth === 1 ? null : token.rootTokenId,
    depth: token.depth,
    created_at: token.createdAt,
    expires_at: token.expiresAt,
  })
}

export async function updateRevokedAt(
  trx: Knex.Transaction,
  { tokenIds, revokedAt }: { tokenIds: string[]; revokedAt: Date },
): Promise<void> {
  await trx('tokens').whereIn('token_id', tokenIds).update({ revoked_at: revokedAt })
}

function tokenOf(row: TokenRow): Token {
  return {
    tokenId: row.token_id,
    kind: row.kind,
    tenantId: row.tenant_id,
    agent: row.agent ?? undefined,
    scopes: row.scopes,
    rateClass: row.rate_class,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at ?? undefined,
    parentTokenId: row.parent_token_id ?? undefined,
    rootTokenId: row.root_token_id ?? row.token_id,
    depth: row.depth,
  }
}
