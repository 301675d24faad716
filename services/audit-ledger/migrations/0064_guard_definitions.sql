-- What the ledger is made of is changed by migrations only: a guard that can be switched off in
-- passing is none. An administrator who means it can still do it, and the scrubber tells of it.

-- Only an administrator may make an event trigger, who is who migrates. In a schema of its own, so
-- that it does not go with what it guards.
set local role none;
create schema audit_ledger_guard authorization mumega_audit_ledger_owner;
create function audit_ledger_guard.refuse_definition() returns event_trigger
language plpgsql as $$
declare
  touched text;
begin
  if current_setting('mumega.migrating', true) = 'on' then return; end if;
  with objects as (
    select object_type, schema_name, object_identity, '' as command_tag
      from pg_event_trigger_dropped_objects() where tg_event = 'sql_drop'
    union all
    select object_type, schema_name, object_identity, command_tag
      from pg_event_trigger_ddl_commands() where tg_event = 'ddl_command_end')
  select format('%s %s', object_type, object_identity) into touched from objects
   where command_tag not in ('REINDEX', 'COMMENT')
     and (schema_name in ('audit_ledger', 'audit_ledger_guard')
          or object_identity like '% on audit_ledger.%'
          or object_type = 'schema'
             and (object_identity in ('audit_ledger', 'audit_ledger_guard')
                  -- It has another name now.
                  or to_regnamespace('audit_ledger') is null))
   limit 1;
  if touched is null and tg_event = 'ddl_command_end' then
    -- What is changed through a parent fires no trigger of the child.
    select format('the kinship of %s', oid::regclass) into touched
      from pg_inherits join pg_class on oid in (inhrelid, inhparent)
     where relnamespace = to_regnamespace('audit_ledger') limit 1;
  end if;
  if touched is null then return; end if;
  raise exception '% of % is refused: only a migration changes what the ledger is made of',
    tg_tag, touched using errcode = 'MU010';
end $$;

do $$
begin
  create event trigger audit_ledger_ddl_command_end on ddl_command_end
    execute function audit_ledger_guard.refuse_definition();
  create event trigger audit_ledger_sql_drop on sql_drop
    execute function audit_ledger_guard.refuse_definition();
  alter event trigger audit_ledger_ddl_command_end enable always;
  alter event trigger audit_ledger_sql_drop enable always;
exception when insufficient_privilege then
  raise warning 'no event trigger guards the ledger: that takes a superuser';
end $$;
-- As whom nobody logs in.
alter function audit_ledger_guard.refuse_definition() owner to mumega_audit_ledger_owner;
set local role mumega_audit_ledger_owner;

-- It must not look for the redaction in a temporary table of that name.
alter function refuse_unredacted() set search_path = audit_ledger, pg_temp;
