-- What may not be done with a revoked token is done while its row is locked: a revocation waits for
-- it, or it sees the revocation. The acting operator's row is of another tenant than the act, which
-- is why policies must not hide it; only its times come out, so that knowing an id discloses no
-- token.
create function lock_token(acting_token_id uuid)
  returns table (revoked_at timestamptz, expires_at timestamptz)
  language sql volatile security definer
  set search_path = gateway, pg_temp
  as $$
    select held.revoked_at, held.expires_at from tokens held
      where held.token_id = acting_token_id for share
  $$;
revoke execute on function lock_token(uuid) from public;
grant execute on function lock_token(uuid) to mumega_gateway;
