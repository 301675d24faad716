-- Tenants, and the tokens that authenticate every request of the public API.

create table tenants (
  tenant_id  text        primary key check (tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  name       text        not null check (length(name) between 1 and 200),
  created_at timestamptz not null
);

-- The operators' own tenant: it has tokens but no agents, and no list shows it.
insert into tenants (tenant_id, name, created_at) values ('substrate', 'Substrate', now());

create table tokens (
  token_id   uuid        primary key,
  -- SHA-256 of the whole token. Its secret is 32 random bytes: a slow hash would add nothing.
  token_hash bytea       not null unique check (octet_length(token_hash) = 32),
  kind       text        not null check (kind in ('operator', 'agent')),
  tenant_id  text        not null references tenants,
  agent      text,
  scopes     text[]      not null check (cardinality(scopes) between 1 and 20),
  created_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > created_at),
  revoked_at timestamptz,
  -- No bug above the database can make an agent an operator, or give an operator a tenant.
  check ((kind = 'operator') = (tenant_id = 'substrate')),
  check ((kind = 'agent') = (agent is not null))
);

create index tokens_by_tenant on tokens (tenant_id, token_id desc);

alter table tenants enable row level security;
alter table tokens enable row level security;

-- A tenant sees itself; the substrate, where operators act, sees all. Not forced on the owner, as
-- which nobody logs in: find_token below acts as it.
create policy tenants_own on tenants
  using (current_setting('mumega.tenant_id', true) in (tenant_id, 'substrate'));
create policy tokens_own on tokens
  using (current_setting('mumega.tenant_id', true) in (tenant_id, 'substrate'));

-- Authentication comes before any tenant is known. This is its only way past the policies, and it
-- shows a token to nobody but whoever already holds it: the argument is the hash of the presented
-- secret.
create function find_token(presented_hash bytea) returns setof tokens
  language sql stable security definer
  set search_path = gateway, pg_temp
  as $$ select * from tokens where token_hash = presented_hash $$;
revoke execute on function find_token(bytea) from public;

grant select, insert on tenants to mumega_gateway;
grant select, insert, update (revoked_at) on tokens to mumega_gateway;
grant execute on function find_token(bytea) to mumega_gateway;

select mumega_audited('tenants');
select mumega_audited('tokens');
