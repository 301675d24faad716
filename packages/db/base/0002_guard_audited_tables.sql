-- The database's own half of the rule "audited with the write, never before": a change of an
-- audited table without an audit intent is refused at commit, and an intent before any change at
-- once.
-- Both marks are transaction-local settings, so a rolled-back savepoint takes its mark back too.

create function mumega_mark_change() returns trigger language plpgsql as $$
begin
  perform set_config('mumega.changed', 'on', true);
  return null;
end $$;

create function mumega_require_audit() returns trigger language plpgsql as $$
begin
  if coalesce(current_setting('mumega.audited', true), '') <> 'on' then
    raise exception 'a change of %.% needs an audit intent in the same transaction',
      tg_table_schema, tg_table_name using errcode = 'MU002';
  end if;
  return null;
end $$;

create function mumega_require_change() returns trigger language plpgsql as $$
begin
  if coalesce(current_setting('mumega.changed', true), '') <> 'on' then
    raise exception 'an audit intent needs its change before it, in the same transaction'
      using errcode = 'MU001';
  end if;
  perform set_config('mumega.audited', 'on', true);
  return new;
end $$;

create trigger audit_follows_change before insert on outbox
  for each row when (new.audit) execute function mumega_require_change();

-- Called by a service's migration for each table whose changes are acts.
create function mumega_audited(audited regclass) returns void language plpgsql as $$
begin
  execute format('create trigger mark_change after insert or update or delete on %s
    for each row execute function mumega_mark_change()', audited);
  execute format('create constraint trigger require_audit after insert or update or delete on %s
    deferrable initially deferred for each row execute function mumega_require_audit()', audited);
end $$;
