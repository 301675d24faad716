-- The log is written once. The service may insert and select; a change or removal is refused to
-- everybody, the owner too, also while triggers are switched off for replication.

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% of %.% is refused: it is written once', tg_op, tg_table_schema, tg_table_name
    using errcode = 'MU010';
end $$;

create function write_once(guarded regclass) returns void language plpgsql as $$
begin
  execute format('create trigger written_once before update or delete or truncate on %s
    for each statement execute function refuse_change()', guarded);
  execute format('alter table %s enable always trigger written_once', guarded);
end $$;

select write_once('event_batches');
select write_once('event_keys');
select write_once('checkpoints');
select write_once('subtrees');
select write_once('audit_chain_conflicts');

grant select, insert on event_batches, payload_batches, event_keys, checkpoints, subtrees
  to mumega_audit_ledger;
grant select, insert, update (seq, head) on chains to mumega_audit_ledger;
grant select, update (size, frontier) on log_head to mumega_audit_ledger;
grant select, update (announced_size) on announcements to mumega_audit_ledger;

-- The nth of the four-byte numbers in a batch's `offsets`, from 0.
create function offset_at(offsets bytea, nth bigint) returns integer
  language sql immutable strict parallel safe
  return (get_byte(offsets, (4 * nth)::int) << 24) | (get_byte(offsets, (4 * nth + 1)::int) << 16)
       | (get_byte(offsets, (4 * nth + 2)::int) << 8) | get_byte(offsets, (4 * nth + 3)::int);

-- A reader sees its own tenant's chain, the operators' tenant all of them. Only the ledger itself
-- inserts.
alter table event_keys enable row level security;
create policy by_tenant on event_keys for select
  using (current_setting('mumega.tenant_id', true) in (chain, 'substrate'));
create policy by_ledger on event_keys for insert with check (true);
