-- A token holds only while all its lineage does: revoked_at is the first revocation of any of it,
-- as it is now. Nothing depends on whether its descendants were marked, too.
drop function find_token(bytea);
create function find_token(presented_hash bytea)
  returns table (token_id uuid, kind text, tenant_id text, agent text, scopes text[],
    created_at timestamptz, expires_at timestamptz, revoked_at timestamptz, rate_class text,
    parent_token_id uuid, root_token_id uuid, depth smallint)
  language sql stable security definer
  set search_path = gateway, pg_temp
  as $$
    select held.token_id, held.kind, held.tenant_id, held.agent, held.scopes,
        held.created_at, held.expires_at,
        (select min(one.revoked_at) from tokens one
          where one.token_id in (held.token_id, held.parent_token_id, held.root_token_id)),
        held.rate_class, held.parent_token_id, held.root_token_id, held.depth
      from tokens held where held.token_hash = presented_hash
  $$;
revoke execute on function find_token(bytea) from public;
grant execute on function find_token(bytea) to mumega_gateway;

-- Locks the whole lineage, root first: a revocation of any of it waits, or it is seen.
create or replace function lock_token(acting_token_id uuid)
  returns table (revoked_at timestamptz, expires_at timestamptz)
  language sql volatile security definer
  set search_path = gateway, pg_temp
  as $$
    with lineage as materialized (
      select one.revoked_at, one.expires_at
        from tokens held
        join tokens one on one.token_id in (held.token_id, held.parent_token_id, held.root_token_id)
        where held.token_id = acting_token_id
        order by one.depth for share of one)
    select min(lineage.revoked_at), min(lineage.expires_at) from lineage having count(*) > 0
  $$;
