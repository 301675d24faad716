-- The schema of gateway after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_gateway_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON gateway.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_gateway;
grant update (number) on outbox to mumega_gateway;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_gateway_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_gateway;
grant update (last_number) on outbox_counter to mumega_gateway;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_gateway_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON gateway.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_gateway;
grant update (reply) on processed_requests to mumega_gateway;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_gateway_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_gateway;

create table tenants (
  tenant_id text not null,
  name text not null,
  created_at timestamp with time zone not null
);  -- owned by mumega_gateway_owner
alter table tenants add constraint tenants_pkey PRIMARY KEY (tenant_id);
alter table tenants add constraint tenants_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)));
alter table tenants add constraint tenants_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'::text));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gateway.tenants FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gateway.tenants DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table tenants enable row level security;
create policy tenants_own on tenants as permissive for all to public using (((current_setting('mumega.tenant_id'::text, true) = tenant_id) OR (current_setting('mumega.tenant_id'::text, true) = 'substrate'::text)));
grant insert, select on tenants to mumega_gateway;

create table tokens (
  token_id uuid not null,
  token_hash bytea not null,
  kind text not null,
  tenant_id text not null,
  agent text,
  scopes text[] not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  revoked_at timestamp with time zone,
  rate_class text not null default 'standard'::text,
  parent_token_id uuid,
  root_token_id uuid,
  depth smallint not null default 1
);  -- owned by mumega_gateway_owner
alter table tokens add constraint tokens_pkey PRIMARY KEY (token_id);
alter table tokens add constraint tokens_check CHECK ((expires_at > created_at));
alter table tokens add constraint tokens_check1 CHECK (((kind = 'operator'::text) = (tenant_id = 'substrate'::text)));
alter table tokens add constraint tokens_check2 CHECK (((kind = 'agent'::text) = (agent IS NOT NULL)));
alter table tokens add constraint tokens_check3 CHECK (((depth = 1) = (parent_token_id IS NULL)));
alter table tokens add constraint tokens_check4 CHECK (((depth = 1) = (root_token_id IS NULL)));
alter table tokens add constraint tokens_depth_check CHECK (((depth >= 1) AND (depth <= 3)));
alter table tokens add constraint tokens_kind_check CHECK ((kind = ANY (ARRAY['operator'::text, 'agent'::text])));
alter table tokens add constraint tokens_parent_token_id_fkey FOREIGN KEY (parent_token_id) REFERENCES tokens(token_id);
alter table tokens add constraint tokens_rate_class_check CHECK ((rate_class = ANY (ARRAY['standard'::text, 'elevated'::text])));
alter table tokens add constraint tokens_root_token_id_fkey FOREIGN KEY (root_token_id) REFERENCES tokens(token_id);
alter table tokens add constraint tokens_scopes_check CHECK (((cardinality(scopes) >= 1) AND (cardinality(scopes) <= 64)));
alter table tokens add constraint tokens_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table tokens add constraint tokens_token_hash_check CHECK ((octet_length(token_hash) = 32));
alter table tokens add constraint tokens_token_hash_key UNIQUE (token_hash);
CREATE INDEX tokens_by_parent ON gateway.tokens USING btree (parent_token_id) WHERE ((parent_token_id IS NOT NULL) AND (revoked_at IS NULL));
CREATE INDEX tokens_by_root ON gateway.tokens USING btree (root_token_id) WHERE ((root_token_id IS NOT NULL) AND (revoked_at IS NULL));
CREATE INDEX tokens_by_tenant ON gateway.tokens USING btree (tenant_id, token_id DESC);
CREATE TRIGGER lesser_than_parent BEFORE INSERT ON gateway.tokens FOR EACH ROW WHEN ((new.parent_token_id IS NOT NULL)) EXECUTE FUNCTION check_delegation();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON gateway.tokens FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON gateway.tokens DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table tokens enable row level security;
create policy tokens_own on tokens as permissive for all to public using (((current_setting('mumega.tenant_id'::text, true) = tenant_id) OR (current_setting('mumega.tenant_id'::text, true) = 'substrate'::text)));
grant insert, select on tokens to mumega_gateway;
grant update (revoked_at) on tokens to mumega_gateway;

CREATE OR REPLACE FUNCTION gateway.check_delegation()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'gateway', 'pg_temp'
AS $function$
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
end $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.find_token(presented_hash bytea)
 RETURNS TABLE(token_id uuid, kind text, tenant_id text, agent text, scopes text[], created_at timestamp with time zone, expires_at timestamp with time zone, revoked_at timestamp with time zone, rate_class text, parent_token_id uuid, root_token_id uuid, depth smallint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'gateway', 'pg_temp'
AS $function$
    select held.token_id, held.kind, held.tenant_id, held.agent, held.scopes,
        held.created_at, held.expires_at,
        (select min(one.revoked_at) from tokens one
          where one.token_id in (held.token_id, held.parent_token_id, held.root_token_id)),
        held.rate_class, held.parent_token_id, held.root_token_id, held.depth
      from tokens held where held.token_hash = presented_hash
  $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.lock_token(acting_token_id uuid)
 RETURNS TABLE(revoked_at timestamp with time zone, expires_at timestamp with time zone)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'gateway', 'pg_temp'
AS $function$
    with lineage as materialized (
      select one.revoked_at, one.expires_at
        from tokens held
        join tokens one on one.token_id in (held.token_id, held.parent_token_id, held.root_token_id)
        where held.token_id = acting_token_id
        order by one.depth for share of one)
    select min(lineage.revoked_at), min(lineage.expires_at) from lineage having count(*) > 0
  $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_gateway_owner

CREATE OR REPLACE FUNCTION gateway.mumega_require_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.changed', true), '') <> 'on' then
    raise exception 'an audit intent needs its change before it, in the same transaction'
      using errcode = 'MU001';
  end if;
  perform set_config('mumega.audited', 'on', true);
  return new;
end $function$;  -- owned by mumega_gateway_owner
