-- The schema of objectives after all its migrations, as the database describes it.
-- Written by `node scripts/run.mjs test/schema`; a test compares it. Never edited by hand.

create table outbox (
  position bigint not null generated always as identity,
  audit boolean not null,
  subject text not null,
  message_id text not null,
  payload text not null,
  headers text not null,
  number bigint
);  -- owned by mumega_objectives_owner
alter table outbox add constraint outbox_pkey PRIMARY KEY ("position");
alter table outbox add constraint outbox_check CHECK ((audit OR (number IS NULL)));
alter table outbox add constraint outbox_message_id_key UNIQUE (message_id);
alter table outbox add constraint outbox_number_key UNIQUE (number);
CREATE TRIGGER audit_follows_change BEFORE INSERT ON objectives.outbox FOR EACH ROW WHEN (new.audit) EXECUTE FUNCTION mumega_require_change();
grant delete, insert, select on outbox to mumega_objectives;
grant update (number) on outbox to mumega_objectives;

create table outbox_counter (
  only_row boolean not null default true,
  last_number bigint not null default 0
);  -- owned by mumega_objectives_owner
alter table outbox_counter add constraint outbox_counter_pkey PRIMARY KEY (only_row);
alter table outbox_counter add constraint outbox_counter_only_row_check CHECK (only_row);
grant select on outbox_counter to mumega_objectives;
grant update (last_number) on outbox_counter to mumega_objectives;

create table principal_keys (
  principal_id text not null,
  number integer not null,
  public_key bytea not null,
  valid_from timestamp with time zone not null,
  valid_until timestamp with time zone,
  rotation text
);  -- owned by mumega_objectives_owner
alter table principal_keys add constraint principal_keys_pkey PRIMARY KEY (principal_id, number);
alter table principal_keys add constraint principal_keys_check CHECK ((valid_until >= valid_from));
alter table principal_keys add constraint principal_keys_check1 CHECK (((number = 1) = (rotation IS NULL)));
alter table principal_keys add constraint principal_keys_number_check CHECK (((number >= 1) AND (number <= 1000)));
alter table principal_keys add constraint principal_keys_principal_id_fkey FOREIGN KEY (principal_id) REFERENCES substrate_principals(principal_id);
alter table principal_keys add constraint principal_keys_public_key_check CHECK ((octet_length(public_key) = 32));
alter table principal_keys add constraint principal_keys_public_key_key UNIQUE (public_key);
alter table principal_keys add constraint principal_keys_rotation_check CHECK (((octet_length(rotation) >= 1) AND (octet_length(rotation) <= 4000)));
CREATE UNIQUE INDEX principal_keys_current ON objectives.principal_keys USING btree (principal_id) WHERE (valid_until IS NULL);
CREATE TRIGGER keep_principal_key BEFORE UPDATE ON objectives.principal_keys FOR EACH ROW EXECUTE FUNCTION keep_principal_key();
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.principal_keys FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.principal_keys DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table principal_keys force row level security;
create policy by_everybody on principal_keys as permissive for select to public using (true);
create policy by_substrate on principal_keys as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on principal_keys to mumega_objectives;
grant update (valid_until) on principal_keys to mumega_objectives;

create table processed_requests (
  request_id uuid not null,
  command text not null,
  content_hash bytea not null,
  reply text,
  processed_at timestamp with time zone not null default now()
);  -- owned by mumega_objectives_owner
alter table processed_requests add constraint processed_requests_pkey PRIMARY KEY (request_id);
CREATE INDEX processed_requests_by_age ON objectives.processed_requests USING btree (processed_at);
grant delete, insert, select on processed_requests to mumega_objectives;
grant update (reply) on processed_requests to mumega_objectives;

create table schema_migrations (
  name text not null,
  hash text not null,
  applied_at timestamp with time zone not null default now()
);  -- owned by mumega_objectives_owner
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (name);
grant select on schema_migrations to mumega_objectives;

create table substrate_principals (
  principal_id text not null,
  display_name text not null,
  status text not null default 'active'::text,
  registered_at timestamp with time zone not null,
  status_changed_at timestamp with time zone,
  status_reason text
);  -- owned by mumega_objectives_owner
alter table substrate_principals add constraint substrate_principals_pkey PRIMARY KEY (principal_id);
alter table substrate_principals add constraint substrate_principals_check CHECK (((status_changed_at IS NULL) = (status_reason IS NULL)));
alter table substrate_principals add constraint substrate_principals_check1 CHECK (((status = 'active'::text) OR (status_changed_at IS NOT NULL)));
alter table substrate_principals add constraint substrate_principals_display_name_check CHECK (((octet_length(display_name) >= 1) AND (octet_length(display_name) <= 800)));
alter table substrate_principals add constraint substrate_principals_principal_id_check CHECK ((principal_id ~ '^(agent|human)\.[a-z][a-z0-9-]{0,62}$'::text));
alter table substrate_principals add constraint substrate_principals_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));
alter table substrate_principals add constraint substrate_principals_status_reason_check CHECK (((octet_length(status_reason) >= 1) AND (octet_length(status_reason) <= 2000)));
CREATE TRIGGER mark_change AFTER INSERT OR DELETE OR UPDATE ON objectives.substrate_principals FOR EACH ROW EXECUTE FUNCTION mumega_mark_change();
CREATE CONSTRAINT TRIGGER require_audit AFTER INSERT OR DELETE OR UPDATE ON objectives.substrate_principals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mumega_require_audit();
alter table substrate_principals force row level security;
create policy by_everybody on substrate_principals as permissive for select to public using (true);
create policy by_substrate on substrate_principals as permissive for all to public using ((current_setting('mumega.tenant_id'::text, true) = 'substrate'::text));
grant insert, select on substrate_principals to mumega_objectives;
grant update (status, status_changed_at, status_reason) on substrate_principals to mumega_objectives;

CREATE OR REPLACE FUNCTION objectives.keep_principal_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.valid_until is not null or new.valid_until is null
     or (new.principal_id, new.number, new.public_key, new.valid_from, new.rotation)
        is distinct from
        (old.principal_id, old.number, old.public_key, old.valid_from, old.rotation)
  then
    raise exception 'a key of % only ends, once', old.principal_id using errcode = 'MU010';
  end if;
  return new;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_audited(audited regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_mark_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_require_audit()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $function$;  -- owned by mumega_objectives_owner

CREATE OR REPLACE FUNCTION objectives.mumega_require_change()
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
end $function$;  -- owned by mumega_objectives_owner
