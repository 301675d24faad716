-- What people search the log by. A projection: filled from the log after the commit, checked
-- against it all the time, and never a source of what an entry says.

create table entry_index (
  log_index   bigint      primary key check (log_index >= 0),
  chain       text        collate "C" not null,
  seq         bigint      not null,
  source      text        collate "C" not null,
  id          uuid        not null,
  actor_id    text        collate "C" not null,
  actor_kind  text        collate "C" not null,
  action      text        collate "C" not null,
  target      text        collate "C" not null,
  phase       text        collate "C" not null,
  -- The entry's `of`: the intent that an outcome closes.
  closes      uuid,
  occurred_at timestamptz not null,
  -- Null where no trace was recorded.
  trace       bytea
);
-- Each search is a range of one of these, in the order of the log.
create index entry_index_chain on entry_index (chain, log_index);
create index entry_index_actor on entry_index (actor_id, log_index);
create index entry_index_action on entry_index (action, log_index);
create index entry_index_target on entry_index (target, log_index);
create index entry_index_trace on entry_index (trace, log_index) where trace is not null;
create index entry_index_time on entry_index (occurred_at);

-- How far the log is projected. It moves in the transaction that adds the rows.
create table entry_index_progress (
  only_row     boolean primary key default true check (only_row),
  indexed_size bigint  not null default 0 check (indexed_size >= 0)
);
insert into entry_index_progress default values;

-- Where the projection was found to say something else than the log, and since when it no longer
-- does. Kept, so that who altered it leaves a trace.
create table entry_index_faults (
  fault_id   bigint      generated always as identity primary key,
  -- The first entry that is concerned.
  log_index  bigint      not null,
  entries    bigint      not null check (entries >= 1),
  reason     text        not null check (length(reason) <= 200),
  found_at   timestamptz not null default now(),
  mended_at  timestamptz
);
create index entry_index_faults_open on entry_index_faults (log_index) where mended_at is null;

grant select, insert, update on entry_index to mumega_audit_ledger;
grant select, update (indexed_size) on entry_index_progress to mumega_audit_ledger;
grant select, insert, update (mended_at) on entry_index_faults to mumega_audit_ledger;

-- As on event_keys: a reader sees its own tenant's chain, the operators' tenant all of them.
alter table entry_index enable row level security;
create policy by_tenant on entry_index for select
  using (current_setting('mumega.tenant_id', true) in (chain, 'substrate'));
create policy by_ledger_added on entry_index for insert with check (true);
create policy by_ledger_mended on entry_index for update using (true) with check (true);
