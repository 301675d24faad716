-- Tokens that tokens made of themselves. A chain of them has three at most, so that these two ids
-- name all of a token's ancestors: its lineage is the rows of (token_id, parent_token_id,
-- root_token_id), without recursion.

alter table tokens
  add column parent_token_id uuid references tokens,
  add column root_token_id uuid references tokens, -- of a child only
  add column depth smallint not null default 1 check (depth between 1 and 3),
  add check ((depth = 1) = (parent_token_id is null)),
  add check ((depth = 1) = (root_token_id is null));

-- Of the live ones: a tree may delegate and revoke for months, and they are counted each time.
create index tokens_by_parent on tokens (parent_token_id)
  where parent_token_id is not null and revoked_at is null;
create index tokens_by_root on tokens (root_token_id)
  where root_token_id is not null and revoked_at is null;

-- The pair of the rules in delegation.ts: no bug above the database can make a child that is more
-- than its parent, or somebody else. A parent that the tenant does not see is none.
create function check_delegation() returns trigger language plpgsql
  set search_path = gateway, pg_temp
  as $$
declare parent tokens;
begin
  select * into parent from tokens where token_id = new.parent_token_id;
  if parent.token_id is null
    or (new.kind, new.tenant_id, new.agent) is distinct from
       (parent.kind, parent.tenant_id, parent.agent)
    or new.depth <> parent.depth + 1
    or new.root_token_id <> coalesce(parent.root_token_id, parent.token_id)
    or not new.scopes <@ parent.scopes or new.scopes @> parent.scopes
    or new.expires_at > parent.expires_at
    or (new.rate_class, parent.rate_class) = ('elevated', 'standard')
  then
    raise exception 'token % is no lesser child of its parent', new.token_id
      using errcode = 'MU003';
  end if;
  return new;
end $$;
create trigger lesser_than_parent before insert on tokens
  for each row when (new.parent_token_id is not null) execute function check_delegation();
